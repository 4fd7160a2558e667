"""Marubozu."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.indicators.candle_shapes import BODY, LOWER, SMALL_SHADOW, UPPER, USUAL_BODY, either, falls, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLMARUBOZU")
def marubozu() -> Number:
    """A long body all but without shadows: 1 rising, -1 falling.

    >>> marubozu().lookback
    10
    """
    bare = (BODY > USUAL_BODY) & (UPPER < SMALL_SHADOW) & (LOWER < SMALL_SHADOW)
    return either(bare & rises(0), bare & falls(0))
