"""Bollinger bands."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close, square_root
from tradepool.core.graph.primitives import sma, variance
from tradepool.core.indicators.page import LENGTH, SAME, WIDTH, indicator


class BollingerBands(NamedTuple):
    """The mean and the two bands around it, in the unit of the source."""

    upper: Number
    middle: Number
    lower: Number


@indicator(
    "volatility",
    span="about that of the source",
    source="Bollinger, 1983",
    flat=SAME,
    twin="BBANDS",
    length=LENGTH,
    width=WIDTH,
)
def bollinger(source: Number = close, *, length: int | Number = 20, width: float | Number = 2.0) -> BollingerBands:
    """Mean of the last `length` values and `width` population standard deviations to either side.

    >>> bollinger().upper.lookback
    19
    """
    middle = sma(source, length)
    distance = width * square_root(variance(source, length))
    return BollingerBands(middle + distance, middle, middle - distance)
