"""Shooting star."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import BODY, BOTTOM, LOWER, SMALL_SHADOW, TOP, UPPER, USUAL_BODY, bearish
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLSHOOTINGSTAR")
def shooting_star() -> Number:
    """-1 at a small body that gapped up, below a long upper shadow.

    >>> shooting_star().lookback
    10
    """
    shape = (BODY < USUAL_BODY) & (UPPER > BODY) & (LOWER < SMALL_SHADOW)
    return bearish(shape & (lag(TOP) < BOTTOM))
