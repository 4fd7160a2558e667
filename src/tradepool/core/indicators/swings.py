"""Swings: highs and lows between which the price turned by enough."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, constant, high, low, maximum, minimum, where
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import SAME, indicator


class Swings(NamedTuple):
    """1 in an upward leg, -1 in a downward one; its extreme so far; the last confirmed swing high and low."""

    direction: Number
    extreme: Number
    high: Number
    low: Number


@indicator(
    "structure",
    span=("-1 or 1", "that of the price", "that of the price", "that of the price"),
    source="Merrill, 1977",
    flat=(1.0, SAME, SAME, SAME),
    reversal=(0.0, 99.0),
)
def swings(*, reversal: float | Number = 5.0) -> Swings:
    """An extreme is a swing once the price has turned from it by so many percent (zigzag), and is only said from then.

    Until the first swings, the high and low of the first bar stand for them.

    >>> swings().high.lookback, swings().high.warm_up
    (0, None)
    """
    share = reversal * constant(0.01)

    def follow(side: Number, extreme: Number, top: Number, bottom: Number) -> tuple[Number, ...]:
        up = side > 0.0
        best = where(up, maximum(extreme, high), minimum(extreme, low))
        turns = where(up, low, -high) < where(up, best * (1.0 - share), -best * (1.0 + share))
        return (
            where(turns, -side, side),
            where(turns, where(up, low, high), best),
            where(turns & up, best, top),
            where(turns & ~up, best, bottom),
        )

    return Swings(*recursive((constant(1.0), high, high, low), follow))
