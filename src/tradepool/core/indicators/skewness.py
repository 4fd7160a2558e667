"""Skewness."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, square_root
from tradepool.core.graph.primitives import moment, variance
from tradepool.core.indicators.logarithmic_return import RETURN
from tradepool.core.indicators.page import LENGTH_FROM_2, NOTHING, indicator


@indicator("statistics", span="any, about 0", source="Pearson, 1895", flat=NOTHING, length=LENGTH_FROM_2)
def skewness(source: Number = RETURN, *, length: int | Number = 50) -> Number:
    """Third central moment over the cube of the standard deviation of the last `length` values.

    >>> skewness().lookback
    50
    """
    square = variance(source, length)
    return moment(source, length, 3) / (square * square_root(square))
