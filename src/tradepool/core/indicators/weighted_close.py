"""Weighted close of a bar."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, low
from tradepool.core.indicators.page import SAME, indicator


@indicator("prices", span="low to high", source="TA-Lib, 2001", flat=SAME, twin="WCLPRICE")
def weighted_close() -> Number:
    """Mean of high, low and twice the close.

    >>> weighted_close().lookback
    0
    """
    return (high + low + close * 2.0) / 4.0
