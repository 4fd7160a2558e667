"""Spinning top."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.indicators.candle_shapes import BODY, LOWER, UPPER, USUAL_BODY, either, falls, rises
from tradepool.core.indicators.page import indicator


@indicator("candlesticks", span="-1, 0 or 1", source="Nison, 1991", flat=0.0, twin="CDLSPINNINGTOP")
def spinning_top() -> Number:
    """A small body between longer shadows: 1 rising, -1 falling.

    >>> spinning_top().lookback
    10
    """
    small = (BODY < USUAL_BODY) & (UPPER > BODY) & (LOWER > BODY)
    return either(small & rises(0), small & falls(0))
