"""Protections as distances: a stop below the entry and a trailing stop below the highest price, in units of price."""

from __future__ import annotations

from dataclasses import dataclass

from tradepool.core.graph.expr import Number, close, constant
from tradepool.core.indicators.average_true_range import atr

NONE = constant(0.0)
QUARTER = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Exits:
    """Distances in units of price, taken at the close of a bar; zero means none.

    The trailing stop moves by at least `trail_step`. Join a stop and a trailing stop with `+`.
    """

    stop_distance: Number = NONE
    trail_distance: Number = NONE
    trail_step: Number = NONE

    def __add__(self, other: Exits) -> Exits:
        """Both; of a kind that both have, the one on the right."""
        stop = self.stop_distance if other.stop_distance is NONE else other.stop_distance
        trail = self if other.trail_distance is NONE else other
        return Exits(stop, trail.trail_distance, trail.trail_step)


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
    """A trailing stop so many average true ranges away; it moves by at least a quarter of one."""
    distance = atr(length=length)
    return Exits(trail_distance=atrs * distance, trail_step=distance * QUARTER if step is None else step)
