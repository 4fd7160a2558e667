"""Doji."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.indicators.candle_shapes import BODY, DOJI_BODY, bullish
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=1.0, twin="CDLDOJI")
def doji() -> Number:
    """1 where open and close are all but equal.

    >>> doji().lookback
    10
    """
    return bullish(BODY <= DOJI_BODY)
