"""When a position is left without a signal: stop, trailing stop, break-even, one or two targets, and after a time."""

from __future__ import annotations

from dataclasses import dataclass

from tradepool.core.graph.expr import Number, as_number, close, constant, high
from tradepool.core.indicators.average_true_range import atr

NONE = constant(0.0)
HALF = constant(0.5)
ALL = constant(1.0)
QUARTER = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Exits:
    """Distances in units of price, taken at the close of a bar; zero means none. For a short all of them are mirrored.

    The trailing stop moves by at least `trail_step`. `target_share` of the position is sold at the first target, the
    rest at the second. Once the price is `break_even` beyond the entry, the stop is at the entry price; after the time of
    `hold_bars` bars the position is sold. Targets, break-even and time are those of the bar that entered. Join exits with
    `+`.
    """

    stop_distance: Number = NONE
    trail_distance: Number = NONE
    trail_step: Number = NONE
    first_target: Number = NONE
    second_target: Number = NONE
    target_share: Number = ALL
    break_even: Number = NONE
    hold_bars: Number = NONE

    def __add__(self, other: Exits) -> Exits:
        """All of them; of a kind that both have, the one on the right."""
        stop = self.stop_distance if other.stop_distance is NONE else other.stop_distance
        trail = self if other.trail_distance is NONE else other
        none = other.first_target is NONE and other.second_target is NONE
        targets = self if none else other
        return Exits(
            stop,
            trail.trail_distance,
            trail.trail_step,
            targets.first_target,
            targets.second_target,
            targets.target_share,
            self.break_even if other.break_even is NONE else other.break_even,
            self.hold_bars if other.hold_bars is NONE else other.hold_bars,
        )


def stop_percent(percent: float | Number) -> Exits:
    """A stop so many percent of the close below the entry.

    >>> stop_percent(2.0).stop_distance
    close * (2.0 * 0.01)
    """
    return Exits(stop_distance=close * (percent * constant(0.01)))


def stop_atrs(atrs: float | Number, *, length: int | Number = 14) -> Exits:
    """A stop so many average true ranges below the entry."""
    return Exits(stop_distance=atrs * atr(length=length))


def trail_percent(percent: float | Number, *, step: Number | None = None) -> Exits:
    """A trailing stop so many percent of the close away; it moves by at least a quarter of that distance."""
    distance = close * (percent * constant(0.01))
    return Exits(trail_distance=distance, trail_step=distance * QUARTER if step is None else step)


def trail_atrs(atrs: float | Number, *, length: int | Number = 14, step: Number | None = None) -> Exits:
    """A chandelier: a stop so many average true ranges below the highest high since the entry; a short's in a mirror.

    It moves by at least a quarter of one range.
    """
    distance = atr(length=length)
    return Exits(trail_distance=atrs * distance, trail_step=distance * QUARTER if step is None else step)


def stop_at(level: Number, *, step: Number = NONE) -> Exits:
    """A stop at a price, such as a channel's lower line, that follows it upward and never moves back.

    It moves by at least `step`; at a bar whose price is not above the level it stays where it was.

    >>> from tradepool.core.graph.expr import low
    >>> stop_at(low).stop_distance
    close - low
    """
    # A trailing stop is counted from the high of the bar, so this is the one distance that ends at the level.
    return Exits(stop_distance=close - level, trail_distance=high - level, trail_step=step)


def break_even_percent(percent: float | Number) -> Exits:
    """The stop is moved to the entry price once a bar was so many percent of the entry bar's close beyond it.

    Where there is no stop, it is the stop from then on. Fees are not counted in: a position that comes back costs them.

    >>> break_even_percent(1.5).break_even
    1.5 * (close * 0.01)
    """
    return Exits(break_even=percent * (close * constant(0.01)))


def break_even_atrs(atrs: float | Number, *, length: int | Number = 14) -> Exits:
    """The same, after a gain of so many average true ranges."""
    return Exits(break_even=atrs * atr(length=length))


def time_exit(bars: float | Number) -> Exits:
    """Leave at the first close at which the position has been held for the time of so many bars, holes counted in.

    >>> time_exit(24).hold_bars
    24.0
    """
    return Exits(hold_bars=as_number(bars, "bars held"))


def targets_percent(
    first: float | Number, second: float | Number | None = None, share: float | Number | None = None
) -> Exits:
    """Targets so many percent of the close beyond the entry: a share is sold at the first, the rest at the second.

    Without a share it is a half where there is a second target, else all. A share is above 0 and at most 1, counted in
    parts per million; without a second target the rest is left to the other exits.

    >>> targets_percent(2.0, 5.0).second_target
    5.0 * (close * 0.01)
    """
    return _targets(close * constant(0.01), first, second, share)


def targets_atrs(
    first: float | Number,
    second: float | Number | None = None,
    share: float | Number | None = None,
    *,
    length: int | Number = 14,
) -> Exits:
    """Targets so many average true ranges beyond the entry; see `targets_percent`."""
    return _targets(atr(length=length), first, second, share)


def _targets(unit: Number, first: float | Number, second: float | Number | None, share: float | Number | None) -> Exits:
    if share is None:
        share = ALL if second is None else HALF
    return Exits(
        first_target=first * unit,
        second_target=NONE if second is None else second * unit,
        target_share=as_number(share, "target share"),
    )
