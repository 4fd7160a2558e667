"""Weighted moving average."""

from __future__ import annotations

from tradepool.core.graph import primitives
from tradepool.core.graph.expr import Number, close
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator("averages", span="that of the source", source="Kendall, 1946", flat=SAME, twin="WMA", length=LENGTH)
def wma(source: Number = close, *, length: int | Number = 20) -> Number:
    """Mean of the last `length` values, the newest weighted `length`, the one before one less, the oldest 1.

    >>> wma(length=20).lookback
    19
    """
    return primitives.wma(source, length)
