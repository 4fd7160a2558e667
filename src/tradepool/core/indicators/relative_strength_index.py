"""Relative strength index."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, maximum, where
from tradepool.core.graph.primitives import delta, wilder
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("momentum", span="0 to 100", source="Wilder, 1978", flat=50.0, twin="RSI", length=LENGTH)
def rsi(source: Number = close, *, length: int | Number = 14) -> Number:
    """Share of the upward moves among all moves, in percent; a flat market leans to neither side (TA-Lib says 0).

    >>> rsi(length=14).lookback
    14
    """
    change = delta(source)
    gain = wilder(maximum(change, 0.0), length)
    loss = wilder(maximum(-change, 0.0), length)
    moved = gain + loss
    return where(moved > 0.0, 100.0 * (gain / moved), 50.0)
