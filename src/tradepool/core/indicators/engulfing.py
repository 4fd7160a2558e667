"""Engulfing."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import BOTTOM, TOP, either, falls, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLENGULFING")
def engulfing() -> Number:
    """1 where a rising body covers the falling one before, -1 where a falling one covers a rising one.

    >>> engulfing().lookback
    1
    """
    covers = (lag(TOP) <= TOP) & (lag(BOTTOM) >= BOTTOM) & ((lag(TOP) < TOP) | (lag(BOTTOM) > BOTTOM))
    return either(covers & rises(0) & falls(1), covers & falls(0) & rises(1))
