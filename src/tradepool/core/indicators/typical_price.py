"""Typical price of a bar."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, low
from tradepool.core.indicators.page import SAME, indicator


@indicator("prices", span="low to high", source="TA-Lib, 2001", flat=SAME, twin="TYPPRICE")
def typical_price() -> Number:
    """Mean of high, low and close.

    >>> typical_price().lookback
    0
    """
    return (high + low + close) / 3.0
