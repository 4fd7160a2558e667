"""Evening star."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.candle_shapes import BODY, USUAL_BODY, bearish, falls, lifts, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLEVENINGSTAR")
def evening_star() -> Number:
    """-1 where a long rising body, a small one above it and a falling one into the first follow each other.

    >>> evening_star().lookback
    12
    """
    first = (lag(BODY, 2) > lag(USUAL_BODY, 2)) & rises(2)
    star = (lag(BODY) <= lag(USUAL_BODY)) & lifts(1)
    return bearish(first & star & (BODY > USUAL_BODY) & falls(0) & (close < lag(close - BODY * 0.3, 2)))
