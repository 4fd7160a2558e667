"""Gravestone doji."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.indicators.candle_shapes import BODY, DOJI_BODY, LOWER, SMALL_SHADOW, UPPER, bullish
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLGRAVESTONEDOJI")
def gravestone_doji() -> Number:
    """1 at a doji at the bottom of its bar, with an upper shadow (a sign of weakness, which TA-Lib too says as 1).

    >>> gravestone_doji().lookback
    10
    """
    return bullish((BODY <= DOJI_BODY) & (LOWER < SMALL_SHADOW) & (UPPER > SMALL_SHADOW))
