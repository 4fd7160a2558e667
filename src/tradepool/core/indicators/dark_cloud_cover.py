"""Dark cloud cover."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, open_
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import BODY, USUAL_BODY, bearish, falls, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLDARKCLOUDCOVER")
def dark_cloud_cover() -> Number:
    """-1 where a falling body opens above the high of a long rising one and closes in its lower half.

    >>> dark_cloud_cover().lookback
    11
    """
    bodies = rises(1) & (lag(BODY) > lag(USUAL_BODY)) & falls(0)
    deep = (close > lag(open_)) & (close < lag(close - BODY * 0.5))
    return bearish(bodies & (open_ > lag(high)) & deep)
