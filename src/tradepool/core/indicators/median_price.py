"""Median price of a bar."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, high, low
from tradepool.core.indicators.page import SAME, indicator


@indicator("prices", span="low to high", source="TA-Lib, 2001", flat=SAME, twin="MEDPRICE")
def median_price() -> Number:
    """Half way between high and low.

    >>> median_price().lookback
    0
    """
    return (high + low) / 2.0
