"""The public tape of a market: every print, with ids that rise by one.

A candle does not tell its trades, so the tape makes them up, the same ones for the same candle whoever asks and
whenever: along the walk open, low, high, close of the clock of a bar (simexchange.timeline), at the time of each of
its stages, never beyond what the price has walked. The first print is the open, the last the close, and the
quantities add up to the candle's volume in whole steps. A candle of fewer than four steps has too few prints for its
corners: the low and the high are left out first, then the open. Nothing is made before somebody asks.

What was really traded here (users' fills, prints pushed from another venue) stands between them and has ids of the same
row; it is on top of the candle's volume. Of those the last EXTRA_KEPT are kept.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tradepool.simexchange.listing import ListedMarket

PRINTS_MAX = 25
EXTRA_KEPT = 100_000
AGAINST_SHARE = 0.25
OPEN, LOW, HIGH, CLOSE = 1, 2, 3, 4


class Print(NamedTuple):
    """One public trade: price in ticks, quantity in steps, virtual ms UTC. The buyer is the maker when a sell hit it."""

    id: int
    time_ms: int
    ticks: int
    steps: int
    is_buyer_maker: bool


def _cuts(prints: int) -> tuple[int, ...]:
    """How many of a candle's prints are out after each stage.

    >>> _cuts(8), _cuts(3), _cuts(1)
    ((0, 1, 4, 6, 8), (0, 1, 2, 2, 3), (0, 0, 0, 0, 1))
    """
    if prints < 4:
        return (0, int(prints > 1), max(0, prints - 1), max(0, prints - 1), prints)
    leg, more = divmod(prints - 1, 3)
    low = 1 + leg + (more > 0)
    return (0, 1, low, low + leg + (more > 1), prints)


_CUTS = tuple(_cuts(prints) for prints in range(PRINTS_MAX + 1))


class Tape:
    """The prints of one market up to the stage (`bar`, `stage`) its price has reached."""

    __slots__ = ("_dropped", "_ends", "_extra", "_extra_bars", "_made", "_market", "_steps", "bar", "stage")

    def __init__(self, market: ListedMarket) -> None:
        """Before the first stage of the first candle."""
        self._market = market
        self.bar, self.stage = 0, 0
        self._steps: NDArray[np.int64] | None = None
        self._ends: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._extra: list[Print] = []
        self._extra_bars: list[int] = []
        self._dropped = 0
        self._made: tuple[int, list[Print]] = (-1, [])

    def __len__(self) -> int:
        """How many prints there were so far; the id of the last one."""
        return self._out() + self._dropped + len(self._extra)

    def reach(self, bar: int, stage: int) -> None:
        """The market's price has walked to this stage of this candle."""
        self.bar, self.stage = bar, stage

    def add(self, time_ms: int, ticks: int, steps: int, *, is_buyer_maker: bool) -> Print:
        """Print a trade that happened here, now."""
        added = Print(len(self) + 1, time_ms, ticks, steps, is_buyer_maker)
        self._extra.append(added)
        self._extra_bars.append(self.bar)
        if len(self._extra) >= 2 * EXTRA_KEPT:
            self._dropped += EXTRA_KEPT
            del self._extra[:EXTRA_KEPT], self._extra_bars[:EXTRA_KEPT]
        return added

    def read(self, first_id: int, limit: int) -> list[Print]:
        """At most `limit` prints with ids from `first_id` on."""
        first = max(first_id, self._oldest_id())
        return [self._at(number) for number in range(first, min(first + limit, len(self) + 1))]

    def latest(self, limit: int) -> list[Print]:
        """The last `limit` prints."""
        return self.read(len(self) - limit + 1, limit)

    def first_id_at(self, time_ms: int) -> int:
        """Id of the first print at or after a time; one past the last when there is none."""
        ids = range(self._oldest_id(), len(self) + 1)
        return ids.start + bisect_left(ids, time_ms, key=lambda number: self._at(number).time_ms)

    def stage_prints(self) -> Iterator[Print]:
        """What the walk to the present stage printed."""
        if self.stage:
            before, out = (self._before(self.bar) + self._cut(stage) for stage in (self.stage - 1, self.stage))
            shift = self._dropped + len(self._extra) + 1
            for ordinal in range(before, out):
                yield self._candle_print(ordinal)._replace(id=ordinal + shift)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Ids of the first and the last print of candles `first` to `last`, as far as they are out; no prints: (n, n - 1)."""
        return self._first_id(first), min(self._first_id(last + 1) - 1, len(self))

    def steps_out(self) -> int:
        """Steps of the present candle's volume that were printed so far."""
        first = self._before(self.bar)
        return sum(self._candle_print(first + number).steps for number in range(self._cut(self.stage)))

    # ---- where a print is

    def _oldest_id(self) -> int:
        return self._extra[0].id if self._dropped else 1

    def _at(self, number: int) -> Print:
        extra = bisect_left(self._extra, number, key=lambda added: added.id)
        if extra < len(self._extra) and self._extra[extra].id == number:
            return self._extra[extra]
        return self._candle_print(number - 1 - self._dropped - extra)._replace(id=number)

    def _first_id(self, bar: int) -> int:
        return self._before(bar) + self._dropped + bisect_left(self._extra_bars, bar) + 1

    def _out(self) -> int:
        return self._before(self.bar) + self._cut(self.stage)

    def _cut(self, stage: int) -> int:
        return _CUTS[self._before(self.bar + 1) - self._before(self.bar)][stage]

    def _before(self, bar: int) -> int:
        """How many prints the candles before `bar` have; a mirrored market's come from outside."""
        if self._market.is_mirrored:
            return 0
        if self._steps is None:
            self._steps = self._market.traded_steps()
            self._ends = np.minimum(self._steps, PRINTS_MAX).cumsum()
        return int(self._ends[bar - 1]) if bar else 0

    def _candle_print(self, ordinal: int) -> Print:
        """Print number `ordinal` (from 0) of all that candles have; its id is left open."""
        bar = int(self._ends.searchsorted(ordinal, side="right"))
        if self._made[0] != bar:
            self._made = (bar, self._make(bar))
        return self._made[1][ordinal - self._before(bar)]

    def _make(self, bar: int) -> list[Print]:
        market, assert_steps = self._market, self._steps
        assert assert_steps is not None, "prints are counted before one is made"
        steps, start = int(assert_steps[bar]), int(market.open_time[bar])
        cuts = _CUTS[min(steps, PRINTS_MAX)]
        rng = np.random.Generator(np.random.PCG64([zlib.crc32(market.symbol.encode()), start]))
        parts = np.sort(rng.integers(0, steps - cuts[CLOSE], cuts[CLOSE] - 1, endpoint=True))
        quantities = np.diff(parts, prepend=0, append=steps - cuts[CLOSE]) + 1
        corners = [int(column[bar]) for column in (market.open, market.open, market.low, market.high, market.close)]
        prints: list[Print] = []
        for stage in (OPEN, LOW, HIGH, CLOSE):
            count = cuts[stage] - cuts[stage - 1]
            if count:
                begin, end = corners[stage - 1], corners[stage]
                between = sorted(rng.integers(min(begin, end), max(begin, end), count - 1, endpoint=True).tolist())
                if end < begin:
                    between.reverse()
                against = (rng.random(count) < AGAINST_SHARE).tolist()
                time_ms = start + (stage - 1) * market.timeframe_ms // 4
                for ticks, other_way in zip((*between, end), against, strict=True):
                    prints.append(Print(0, time_ms, ticks, int(quantities[len(prints)]), (end < begin) != other_way))
        return prints
