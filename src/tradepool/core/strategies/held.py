"""What a position of a signal would know of itself: how long it is held, where it began, how far it came.

The market part does not see positions. It follows its own level instead: the same for all users, and the same in a
backtest and live. Whoever was stopped out before is flat already, and an exit that comes then finds nothing to sell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tradepool.core.graph.expr import Boolean, Number, WrongOperand, as_number, close, constant, maximum, where
from tradepool.core.graph.recursion import recursive
from tradepool.core.strategies.exits import NONE, Exits, stop_at

_OUT_OF_REACH_PERCENT = 1e12


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


def gained(enter: Boolean, leave: Boolean, percents: Mapping[int, float | Number]) -> Boolean:
    """The bar at whose close a position has gained what is asked of one held so long; to be joined to `leave` by `|`.

    `percents` says from which bar on (0: the entry's) how many percent of the entry's close are enough; the last that has
    begun counts. It is what freqtrade calls minimal ROI, judged at closes: nothing rests at the venue. WrongOperand.

    >>> gained(close > 2, close < 1, {0: 4.0, 12: 1.0, 48: 0.0}).warm_up is None
    True
    """
    if not percents or min(percents) < 0:
        remedy = "give percents by bars, such as {0: 4.0, 12: 1.0}"
        raise WrongOperand(expression="gained", why=f"{percents!r:.60} is no table", remedy=remedy)

    def follow(level: Number, count: Number, entry: Number, over: Number) -> tuple[Number, ...]:
        asked: Number = constant(_OUT_OF_REACH_PERCENT)
        for bars, percent in sorted(percents.items()):
            asked = where(count + 1.0 >= bars, percent, asked)
        ends = (level > 0.0) & (close >= entry * (1.0 + asked * 0.01))
        stays = (level > 0.0) & ~leave & ~ends
        begins = enter & ~leave & (level <= 0.0)
        held_on = where(stays, count + 1.0, 0.0), where(stays, entry, close)
        return where(stays | begins, 1.0, 0.0), *held_on, where(ends, 1.0, 0.0)

    begins = where(enter & ~leave, 1.0, 0.0)
    return recursive((begins, constant(0.0), close, constant(0.0)), follow)[3] > 0.0


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
