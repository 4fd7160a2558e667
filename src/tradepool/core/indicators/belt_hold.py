"""Belt hold."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.indicators.candle_shapes import BODY, LOWER, SMALL_SHADOW, UPPER, USUAL_BODY, either, falls, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLBELTHOLD")
def belt_hold() -> Number:
    """A long body that opens at an end of its bar: 1 rising from the low, -1 falling from the high.

    >>> belt_hold().lookback
    10
    """
    is_long = BODY > USUAL_BODY
    return either(is_long & rises(0) & (LOWER < SMALL_SHADOW), is_long & falls(0) & (UPPER < SMALL_SHADOW))
