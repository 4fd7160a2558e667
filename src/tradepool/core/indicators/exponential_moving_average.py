"""Exponential moving average."""

from __future__ import annotations

from tradepool.core.graph import primitives
from tradepool.core.graph.expr import Number, close


def ema(source: Number = close, *, length: int | Number) -> Number:
    """Average in which each value weighs 2 / (length + 1) and the past fades; seeded by the mean of the first `length`.

    In the unit of the source. Constant in, the same constant out. Equal to TA-Lib's EMA.

    >>> ema(length=26).lookback
    25
    """
    return primitives.ema(source, length)
