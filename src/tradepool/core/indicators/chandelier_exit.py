"""Chandelier exit."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, high, low
from tradepool.core.graph.primitives import highest, lowest
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.chande_kroll_stop import Stops
from tradepool.core.indicators.page import LENGTH, SAME, WIDTH, indicator


@indicator("trend", span="about that of the price", source="Le Beau, 1999", flat=SAME, length=LENGTH, ranges=WIDTH)
def chandelier_exit(*, length: int | Number = 22, ranges: float | Number = 3.0) -> Stops:
    """Stops that hang so many average true ranges below the highest high, and above the lowest low.

    >>> chandelier_exit().long.lookback
    22
    """
    reach = ranges * atr(length=length)
    return Stops(highest(high, length) - reach, lowest(low, length) + reach)
