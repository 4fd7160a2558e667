"""Parabolic stop and reverse."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, constant, high, low, maximum, minimum, where
from tradepool.core.graph.primitives import lag
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import SAME, indicator


@indicator(
    "trend",
    span="about that of the price",
    source="Wilder, 1978",
    flat=SAME,
    twin="SAR",
    acceleration=(0.0, 1.0),
    limit=(0.0, 1.0),
)
def parabolic_sar(*, acceleration: float | Number = 0.02, limit: float | Number = 0.2) -> Number:
    """A stop that moves toward the extreme of the trend, faster with each new extreme, and turns when it is touched.

    >>> parabolic_sar().lookback, parabolic_sar().warm_up
    (1, None)
    """
    first = minimum(acceleration, limit)
    begins_down = (lag(low) - low > 0.0) & (lag(low) - low > high - lag(high))

    def follow(
        stop: Number,
        extreme: Number,
        speed: Number,
        rising: Number,
        shown: Number,
        low_before: Number,
        high_before: Number,
    ) -> tuple[Number, ...]:
        up = rising > 0.0
        touched = where(up, low, -high) <= where(up, stop, -stop)
        # After a turn the stop begins at the old extreme, outside of this bar and the one before.
        turned = where(up, maximum(maximum(extreme, high_before), high), minimum(minimum(extreme, low_before), low))
        further = where(up, high, -low) > where(up, extreme, -extreme)
        best = where(further, where(up, high, low), extreme)
        side = where(touched, -rising, rising)
        now = where(touched, turned, stop)
        reached = where(touched, where(up, low, high), best)
        pace = where(touched, first, where(further, minimum(speed + acceleration, limit), speed))
        moved = now + pace * (reached - now)
        kept = where(side > 0.0, minimum(minimum(moved, low_before), low), maximum(maximum(moved, high_before), high))
        return kept, reached, pace, side, now

    def step(stop: Number, extreme: Number, speed: Number, rising: Number, shown: Number) -> tuple[Number, ...]:
        return follow(stop, extreme, speed, rising, shown, lag(low), lag(high))

    begin = where(begins_down, lag(high), lag(low))
    start = follow(
        begin, where(begins_down, low, high), first, where(begins_down, constant(-1.0), 1.0), begin, low, high
    )
    return recursive(start, step)[4]
