"""Simple moving average."""

from __future__ import annotations

from tradepool.core.graph import primitives
from tradepool.core.graph.expr import Number, close
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator("averages", span="that of the source", source="Yule, 1909", flat=SAME, twin="SMA", length=LENGTH)
def sma(source: Number = close, *, length: int | Number) -> Number:
    """Mean of the last `length` values.

    >>> sma(length=20).lookback
    19
    """
    return primitives.sma(source, length)
