"""What a position of a signal would know of itself: how long it is held, where it began, how far it came.

The market part does not see positions. It follows its own level instead: the same for all users, and the same in a
backtest and live. Whoever was stopped out before is flat already, and an exit that comes then finds nothing to sell.
"""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Boolean, Number, as_number, close, constant, maximum, where
from tradepool.core.graph.recursion import recursive
from tradepool.core.strategies.exits import NONE, Exits, stop_at


class Held(NamedTuple):
    """Whether it is held, for how many bars (0 at its first), the close it began at, and the highest close since."""

    level: Boolean
    bars: Number
    entry: Number
    best: Number


def level_of(enter: Boolean, leave: Boolean) -> Boolean:
    """Whether it holds: raised by `enter`, cleared by `leave`, which wins. It is what the market part calls exposure."""
    begins = where(enter & ~leave, 1.0, 0.0)
    (level,) = recursive((begins,), lambda level: (where(leave, 0.0, where(enter, 1.0, level)),))
    return level > 0.0


def held(enter: Boolean, leave: Boolean) -> Held:
    """The level of a strategy, and what a position of it knows.

    >>> held(close > 2, close < 1).entry.unit == close.unit
    True
    """

    def follow(level: Number, bars: Number, entry: Number, best: Number) -> tuple[Number, ...]:
        stays = (level > 0.0) & ~leave
        begins = enter & ~leave & ~stays
        return (
            where(stays | begins, 1.0, 0.0),
            where(stays, bars + 1.0, 0.0),
            where(stays, entry, close),
            where(stays, maximum(best, close), close),
        )

    begins = where(enter & ~leave, 1.0, 0.0)
    level, bars, entry, best = recursive((begins, constant(0.0), close, close), follow)
    return Held(level > 0.0, bars, entry, best)


def held_for(enter: Boolean, leave: Boolean, bars: int | Number) -> Boolean:
    """The bar at which a position has been held for so many bars: a time exit, to be joined to `leave` by `|`.

    Where `enter` is a state and not an event it enters again at the next bar; give one that crosses something.
    """
    most = as_number(bars, "held_for")

    def follow(level: Number, count: Number, over: Number) -> tuple[Number, ...]:
        ends = (level > 0.0) & (count + 1.0 >= most)
        stays = (level > 0.0) & ~leave & ~ends
        begins = enter & ~leave & (level <= 0.0)
        return where(stays | begins, 1.0, 0.0), where(stays, count + 1.0, 0.0), where(ends, 1.0, 0.0)

    begins = where(enter & ~leave, 1.0, 0.0)
    return recursive((begins, constant(0.0), constant(0.0)), follow)[2] > 0.0


def break_even(position: Held, after: Number, *, cost_percent: float | Number = 0.2) -> Number:
    """The level to give to `stop_at`: the entry and what both fees cost, once the close was `after` beyond it; else 0.

    `after` is a distance in units of price, such as `2 * atr()`.
    """
    reached = position.level & (position.best - position.entry >= after)
    return where(reached, position.entry * (1.0 + cost_percent * constant(0.01)), 0.0 * position.entry)


def follow_levels(first: Number, *more: Number, step: Number = NONE) -> Exits:
    """A stop at the highest of some levels, which follows them upward; each is a price, or 0 where it says nothing."""
    level = first
    for other in more:
        level = maximum(level, other)
    return stop_at(level, step=step)
