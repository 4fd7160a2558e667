"""Midpoint of the prices of a window."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, high, low
from tradepool.core.graph.primitives import highest, lowest
from tradepool.core.indicators.page import LENGTH_FROM_2, SAME, indicator


@indicator(
    "averages", span="that of the price", source="TA-Lib, 2001", flat=SAME, twin="MIDPRICE", length=LENGTH_FROM_2
)
def midprice(*, length: int | Number = 14) -> Number:
    """Half way between the highest high and the lowest low of the last `length` bars.

    >>> midprice().lookback
    13
    """
    return (highest(high, length) + lowest(low, length)) / 2.0
