"""Hammer."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, low
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import BODY, BOTTOM, LOWER, NEAR, SMALL_SHADOW, UPPER, USUAL_BODY, bullish
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLHAMMER")
def hammer() -> Number:
    """1 at a small body near the low before, above a long lower shadow.

    >>> hammer().lookback
    10
    """
    shape = (BODY < USUAL_BODY) & (LOWER > BODY) & (UPPER < SMALL_SHADOW)
    return bullish(shape & (lag(low + NEAR) >= BOTTOM))
