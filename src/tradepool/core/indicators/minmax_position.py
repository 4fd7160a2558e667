"""Position within the range of a window."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, where
from tradepool.core.graph.primitives import highest, lowest
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("volatility", span="0 to 1", source="Lane, 1984", flat=0.5, length=LENGTH)
def minmax_position(source: Number = close, *, length: int | Number = 20) -> Number:
    """0 where the value is the lowest of the last `length`, 1 where it is the highest.

    >>> minmax_position().lookback
    19
    """
    top, bottom = highest(source, length), lowest(source, length)
    return where(top > bottom, (source - bottom) / (top - bottom), 0.5)
