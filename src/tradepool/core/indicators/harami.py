"""Harami."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import BODY, BOTTOM, TOP, USUAL_BODY, either, falls, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLHARAMI")
def harami() -> Number:
    """A small body within the long one before: 1 after a falling one, -1 after a rising one.

    >>> harami().lookback
    11
    """
    within = (lag(BODY) > lag(USUAL_BODY)) & (BODY <= USUAL_BODY) & (lag(TOP) >= TOP) & (lag(BOTTOM) <= BOTTOM)
    return either(within & falls(1), within & rises(1))
