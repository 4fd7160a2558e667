"""Harami cross."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import BODY, BOTTOM, DOJI_BODY, TOP, USUAL_BODY, either, falls, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLHARAMICROSS")
def harami_cross() -> Number:
    """A doji within the long body before: 1 after a falling one, -1 after a rising one.

    >>> harami_cross().lookback
    11
    """
    within = (lag(BODY) > lag(USUAL_BODY)) & (BODY <= DOJI_BODY) & (lag(TOP) >= TOP) & (lag(BOTTOM) <= BOTTOM)
    return either(within & falls(1), within & rises(1))
