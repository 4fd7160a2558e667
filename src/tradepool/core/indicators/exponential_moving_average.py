"""Exponential moving average."""

from __future__ import annotations

from tradepool.core.graph import primitives
from tradepool.core.graph.expr import Number, close
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator("averages", span="that of the source", source="Brown, 1956", flat=SAME, twin="EMA", length=LENGTH)
def ema(source: Number = close, *, length: int | Number) -> Number:
    """Average in which each value weighs 2 / (length + 1) and the past fades; seeded by the mean of the first `length`.

    >>> ema(length=26).lookback
    25
    """
    return primitives.ema(source, length)
