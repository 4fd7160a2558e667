"""Chaikin volatility."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, high, low, where
from tradepool.core.graph.primitives import ema, lag
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("volatility", span="-100 and up", source="Chaikin, 1966", flat=0.0, length=LENGTH, change=LENGTH)
def chaikin_volatility(*, length: int | Number = 10, change: int | Number = 10) -> Number:
    """By how many percent the averaged range of the bars has grown; 0 from a range of zero.

    >>> chaikin_volatility().lookback
    19
    """
    reach = ema(high - low, length)
    before = lag(reach, change)
    return where(before > 0.0, 100.0 * (reach / before - 1.0), 0.0)
