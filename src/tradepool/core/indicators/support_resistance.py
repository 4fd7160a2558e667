"""Support and resistance from clusters of pivots."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Boolean, Number, absolute, as_number, close, constant, high, low, where
from tradepool.core.graph.primitives import lag
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.page import LENGTH, NOTHING, WIDTH, indicator
from tradepool.core.indicators.pivots import is_peak


class SupportResistance(NamedTuple):
    """Nearest level below and above the close, and of how many of the last eight pivots each is made; 0 without one."""

    support: Number
    support_touches: Number
    resistance: Number
    resistance_touches: Number


def _last_eight(found: Boolean, price: Number) -> tuple[Number, ...]:
    """The prices of the last eight pivots, the newest first; where there have not been so many, what is near nothing."""

    def follow(
        first: Number,
        second: Number,
        third: Number,
        fourth: Number,
        fifth: Number,
        sixth: Number,
        seventh: Number,
        eighth: Number,
    ) -> tuple[Number, ...]:
        shifted = (price, first, second, third, fourth, fifth, sixth, seventh)
        kept = (first, second, third, fourth, fifth, sixth, seventh, eighth)
        return tuple(where(found, new, old) for new, old in zip(shifted, kept, strict=True))

    # The first bar that has everything may confirm a pivot itself. No range, however wide, reaches down to `none`.
    none = constant(-1e300)
    return recursive((where(found, price, none), *(none,) * 7), follow)


@indicator(
    "structure",
    span=("that of the price", "0 to 8", "that of the price", "0 to 8"),
    source="Osler, 2000, for levels; clusters as stated",
    flat=(NOTHING, 0.0, NOTHING, 0.0),
    left=LENGTH,
    right=LENGTH,
    tolerance=WIDTH,
    touches=(1, 8),
)
def support_resistance(
    *,
    left: int | Number = 5,
    right: int | Number = 5,
    tolerance: float | Number = 0.5,
    touches: int | Number = 2,
) -> SupportResistance:
    """Levels at which at least `touches` of the last eight pivots lie within `tolerance` average true ranges.

    A level is the mean of a pivot and those near it. No value where there is none on that side of the close.

    >>> support_resistance().support.lookback
    14
    """
    top, bottom, reach = is_peak(high, left, right), is_peak(-low, left, right), tolerance * atr(length=14)
    prices = _last_eight(top | bottom, where(top, lag(high, right), lag(low, right)))
    near = {(a, b): absolute(prices[a] - prices[b]) <= reach for a in range(8) for b in range(a)}
    support, below = constant(0.0), constant(0.0)
    resistance, above = constant(0.0), constant(0.0)
    for a, price in enumerate(prices):
        total, count = price, constant(1.0)
        for b in (other for other in range(8) if other != a):
            beside = near[max(a, b), min(a, b)]
            total, count = total + where(beside, prices[b], 0.0), count + where(beside, 1.0, 0.0)
        level = total / count
        holds = count >= as_number(touches, "touches")
        nearer = holds & (level <= close) & (level > support)
        support, below = where(nearer, level, support), where(nearer, count, below)
        nearer = holds & (level > close) & ((resistance <= 0.0) | (level < resistance))
        resistance, above = where(nearer, level, resistance), where(nearer, count, above)
    # What is still 0 over 0 has no value.
    return SupportResistance(support * (below / below), below, resistance * (above / above), above)
