"""Choppiness index."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, as_number, high, log, low, where
from tradepool.core.graph.primitives import highest, lowest, rolling_sum
from tradepool.core.indicators.page import LENGTH_FROM_2, indicator
from tradepool.core.indicators.true_range import true_range


@indicator("trend", span="0 to 100", source="Dreiss, 1993", flat=100.0, length=LENGTH_FROM_2)
def choppiness(*, length: int | Number = 14) -> Number:
    """Logarithm of the way the price went over the range it covered: 0 in a straight move, 100 where it got nowhere.

    >>> choppiness().lookback
    14
    """
    covered = highest(high, length) - lowest(low, length)
    way = rolling_sum(true_range(), length)
    share = 100.0 * (log(way / covered) / log(as_number(length, "choppiness")))
    return where((covered > 0.0) & (way > 0.0), share, 100.0)
