"""Piercing line."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, low, open_
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import BODY, USUAL_BODY, bullish, falls, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLPIERCING")
def piercing_line() -> Number:
    """1 where a long body opens below the low of a long falling one and closes in its upper half.

    >>> piercing_line().lookback
    11
    """
    bodies = falls(1) & (lag(BODY) > lag(USUAL_BODY)) & rises(0) & (BODY > USUAL_BODY)
    deep = (close < lag(open_)) & (close > lag(close + BODY * 0.5))
    return bullish(bodies & (open_ < lag(low)) & deep)
