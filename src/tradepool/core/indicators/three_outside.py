"""Three outside up or down."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, open_
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import either, falls, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDL3OUTSIDE")
def three_outside() -> Number:
    """A body that covers the one before, then a close further on: 1 upward, -1 downward.

    >>> three_outside().lookback
    2
    """
    up = rises(1) & falls(2) & (lag(close) > lag(open_, 2)) & (lag(open_) < lag(close, 2)) & (close > lag(close))
    down = falls(1) & rises(2) & (lag(open_) > lag(close, 2)) & (lag(close) < lag(open_, 2)) & (close < lag(close))
    return either(up, down)
