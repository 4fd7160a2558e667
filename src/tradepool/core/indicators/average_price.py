"""Average price of a bar."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, low, open_
from tradepool.core.indicators.page import SAME, indicator


@indicator("prices", span="low to high", source="TA-Lib, 2001", flat=SAME, twin="AVGPRICE")
def average_price() -> Number:
    """Mean of open, high, low and close.

    >>> average_price().lookback
    0
    """
    return (open_ + high + low + close) / 4.0
