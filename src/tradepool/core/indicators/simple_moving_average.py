"""Simple moving average."""

from __future__ import annotations

from tradepool.core.graph import primitives
from tradepool.core.graph.expr import Number, close


def sma(source: Number = close, *, length: int | Number) -> Number:
    """Mean of the last `length` values, in the unit of the source.

    Constant in, the same constant out. Equal to TA-Lib's SMA.

    >>> sma(length=20).lookback
    19
    """
    return primitives.sma(source, length)
