"""Kaufman's adaptive moving average."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, absolute, close, where
from tradepool.core.graph.primitives import delta, lag, rolling_sum
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator(
    "averages",
    span="that of the source",
    source="Kaufman, 1995",
    flat=SAME,
    twin="KAMA",
    length=LENGTH,
    fast=LENGTH,
    slow=LENGTH,
)
def kama(
    source: Number = close, *, length: int | Number = 10, fast: int | Number = 2, slow: int | Number = 30
) -> Number:
    """Average that follows quickly (as over `fast` bars) in a straight move and slowly (`slow`) where it goes nowhere.

    >>> kama().lookback
    10
    """
    change, way = delta(source, length), rolling_sum(absolute(delta(source)), length)
    efficiency = where(way <= change, 1.0, absolute(change / way))
    fastest, slowest = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
    weight = efficiency * (fastest - slowest) + slowest
    weight = weight * weight

    def follow(average: Number) -> Number:
        return average + weight * (source - average)

    (average,) = recursive((follow(lag(source)),), lambda average: (follow(average),))
    return average
