"""Three inside up or down."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, open_
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import BODY, BOTTOM, TOP, USUAL_BODY, either, falls, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDL3INSIDE")
def three_inside() -> Number:
    """A small body within a long one, then a close beyond the long one's open: 1 upward, -1 downward.

    >>> three_inside().lookback
    12
    """
    small = (lag(BODY, 2) > lag(USUAL_BODY, 2)) & (lag(BODY) <= lag(USUAL_BODY))
    within = small & (lag(TOP) < lag(TOP, 2)) & (lag(BOTTOM) > lag(BOTTOM, 2))
    up = falls(2) & rises(0) & (close > lag(open_, 2))
    return either(within & up, within & rises(2) & falls(0) & (close < lag(open_, 2)))
