"""Morning star."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import BODY, USUAL_BODY, bullish, falls, lowers, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLMORNINGSTAR")
def morning_star() -> Number:
    """1 where a long falling body, a small one below it and a rising one into the first follow each other.

    >>> morning_star().lookback
    12
    """
    first = (lag(BODY, 2) > lag(USUAL_BODY, 2)) & falls(2)
    star = (lag(BODY) <= lag(USUAL_BODY)) & lowers(1)
    return bullish(first & star & (BODY > USUAL_BODY) & rises(0) & (close > lag(close + BODY * 0.3, 2)))
