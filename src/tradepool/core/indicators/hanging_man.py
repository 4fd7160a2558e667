"""Hanging man."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, high
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import BODY, BOTTOM, LOWER, NEAR, SMALL_SHADOW, UPPER, USUAL_BODY, bearish
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLHANGINGMAN")
def hanging_man() -> Number:
    """-1 at a small body near the high before, above a long lower shadow.

    >>> hanging_man().lookback
    10
    """
    shape = (BODY < USUAL_BODY) & (LOWER > BODY) & (UPPER < SMALL_SHADOW)
    return bearish(shape & (lag(high - NEAR) <= BOTTOM))
