"""Long-legged doji."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.indicators.candle_shapes import BODY, DOJI_BODY, LOWER, UPPER, bullish
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLLONGLEGGEDDOJI")
def long_legged_doji() -> Number:
    """1 at a doji with a shadow longer than its body.

    >>> long_legged_doji().lookback
    10
    """
    return bullish((BODY <= DOJI_BODY) & ((LOWER > BODY) | (UPPER > BODY)))
