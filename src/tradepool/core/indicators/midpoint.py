"""Midpoint of a window."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import highest, lowest
from tradepool.core.indicators.page import LENGTH_FROM_2, SAME, indicator


@indicator(
    "averages", span="that of the source", source="TA-Lib, 2001", flat=SAME, twin="MIDPOINT", length=LENGTH_FROM_2
)
def midpoint(source: Number = close, *, length: int | Number = 14) -> Number:
    """Half way between the highest and the lowest of the last `length` values.

    >>> midpoint().lookback
    13
    """
    return (highest(source, length) + lowest(source, length)) / 2.0
