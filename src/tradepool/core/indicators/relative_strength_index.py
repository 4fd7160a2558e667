"""Relative strength index."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, maximum, where
from tradepool.core.graph.primitives import delta, wilder


def rsi(source: Number = close, *, length: int | Number = 14) -> Number:
    """Share of the upward moves among all moves, 0 to 100 (Wilder, 1978).

    Constant in, 50 out: a flat market leans to neither side (TA-Lib, otherwise equal, says 0).

    >>> rsi(length=14).lookback
    14
    """
    change = delta(source)
    gain = wilder(maximum(change, 0.0), length)
    loss = wilder(maximum(-change, 0.0), length)
    moved = gain + loss
    return where(moved > 0.0, 100.0 * (gain / moved), 50.0)
