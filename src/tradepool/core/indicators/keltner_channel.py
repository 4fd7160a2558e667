"""Keltner channel."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import ema
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.page import LENGTH, SAME, WIDTH, indicator


class Channel(NamedTuple):
    """A middle line and the two bands around it, in units of price."""

    upper: Number
    middle: Number
    lower: Number


@indicator(
    "volatility",
    span="about that of the price",
    source="Raschke, 1995, after Keltner, 1960",
    flat=SAME,
    length=LENGTH,
    atr_length=LENGTH,
    ranges=WIDTH,
)
def keltner(
    source: Number = close,
    *,
    length: int | Number = 20,
    atr_length: int | Number = 10,
    ranges: float | Number = 2.0,
) -> Channel:
    """Exponential average and so many average true ranges to either side.

    >>> keltner().upper.lookback
    19
    """
    middle, reach = ema(source, length), ranges * atr(length=atr_length)
    return Channel(middle + reach, middle, middle - reach)
