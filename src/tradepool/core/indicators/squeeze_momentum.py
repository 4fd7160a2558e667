"""Squeeze momentum."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Boolean, Number, close, high, low, square_root
from tradepool.core.graph.primitives import highest, lowest, regression, sma, variance
from tradepool.core.indicators.page import LENGTH_FROM_2, WIDTH, indicator
from tradepool.core.indicators.true_range import true_range


class Squeeze(NamedTuple):
    """Whether it is squeezed, and where it leans."""

    on: Boolean
    momentum: Number


@indicator(
    "momentum",
    span=("true or false", "any, about 0"),
    source="Carter, 2005",
    flat=(1.0, 0.0),
    length=LENGTH_FROM_2,
    width=WIDTH,
    ranges=WIDTH,
)
def squeeze(*, length: int | Number = 20, width: float | Number = 2.0, ranges: float | Number = 1.5) -> Squeeze:
    """Whether the Bollinger bands lie within the Keltner channel; and the regression of the close from its middle.

    >>> squeeze().momentum.lookback
    38
    """
    mean = sma(close, length)
    on = width * square_root(variance(close, length)) <= ranges * sma(true_range(), length)
    middle = ((highest(high, length) + lowest(low, length)) / 2.0 + mean) / 2.0
    return Squeeze(on, regression(close - middle, length).value)
