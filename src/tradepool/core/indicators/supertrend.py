"""SuperTrend."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close, high, low, where
from tradepool.core.graph.primitives import lag
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.page import LENGTH, SAME, WIDTH, indicator


class SuperTrend(NamedTuple):
    """The stop line, and 1 while the trend is up, -1 while it is down."""

    line: Number
    direction: Number


@indicator(
    "trend",
    span=("about that of the price", "-1 or 1"),
    source="Seban, 2008",
    flat=(SAME, 1.0),
    length=LENGTH,
    ranges=WIDTH,
)
def supertrend(*, length: int | Number = 10, ranges: float | Number = 3.0) -> SuperTrend:
    """A stop so many average true ranges from the bar's middle that only follows the trend, and turns when passed.

    >>> supertrend().line.lookback
    10
    """
    middle, reach = (high + low) / 2.0, ranges * atr(length=length)
    below, above, before = middle - reach, middle + reach, lag(close)

    def follow(floor: Number, ceiling: Number, side: Number) -> tuple[Number, Number, Number]:
        raised = where((below > floor) | (before < floor), below, floor)
        lowered = where((above < ceiling) | (before > ceiling), above, ceiling)
        falls, rises = where(close < raised, -1.0, 1.0), where(close > lowered, 1.0, -1.0)
        return raised, lowered, where(side > 0.0, falls, rises)

    floor, ceiling, side = recursive((below, above, where(close >= middle, 1.0, -1.0)), follow)
    return SuperTrend(where(side > 0.0, floor, ceiling), side)
