"""Dragonfly doji."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.indicators.candle_shapes import BODY, DOJI_BODY, LOWER, SMALL_SHADOW, UPPER, bullish
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLDRAGONFLYDOJI")
def dragonfly_doji() -> Number:
    """1 at a doji at the top of its bar, with a lower shadow.

    >>> dragonfly_doji().lookback
    10
    """
    return bullish((BODY <= DOJI_BODY) & (UPPER < SMALL_SHADOW) & (LOWER > SMALL_SHADOW))
