"""Kurtosis."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.graph.primitives import moment, variance
from tradepool.core.indicators.logarithmic_return import RETURN
from tradepool.core.indicators.page import LENGTH_FROM_2, NOTHING, indicator


@indicator("statistics", span="-2 and up", source="Pearson, 1905", flat=NOTHING, length=LENGTH_FROM_2)
def kurtosis(source: Number = RETURN, *, length: int | Number = 50) -> Number:
    """Fourth central moment over the square of the variance of the last `length` values, less 3: 0 of a bell curve.

    >>> kurtosis().lookback
    50
    """
    square = variance(source, length)
    return moment(source, length, 4) / (square * square) - 3.0
