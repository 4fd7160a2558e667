"""Inverted hammer."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import BODY, BOTTOM, LOWER, SMALL_SHADOW, TOP, UPPER, USUAL_BODY, bullish
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLINVERTEDHAMMER")
def inverted_hammer() -> Number:
    """1 at a small body that gapped down, below a long upper shadow.

    >>> inverted_hammer().lookback
    10
    """
    shape = (BODY < USUAL_BODY) & (UPPER > BODY) & (LOWER < SMALL_SHADOW)
    return bullish(shape & (lag(BOTTOM) > TOP))
