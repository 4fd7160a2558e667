"""Filling the holes of a series from its venue: page by page, politely, each page stored before the next is asked for.

What is stored is all there is to know: a download that was cut off goes on where the store ends. A bar that an answer
leaves out is asked for once more. Only when the venue has twice shown both its neighbours, and not it, is it taken
for never made: an answer that begins late or ends early proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tradepool.core.market.bar_faults import any_of, impossible
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.domain.errors import VenueError
from tradepool.ports.candles import Appended, CandlePages, CandleWriter, Series, Stretch
from tradepool.ports.clock import Clock
from tradepool.services.backoff import Backoff

TRIES = 6
# How far to look on where a venue answers with nothing.
EMPTY_BARS = 1_000
# Holes that lie no further apart are asked for together: one answer holds them all.
JOINED_BARS = 500

OnProgress = Callable[[int], None]


@dataclass(slots=True)
class Downloaded:
    """What a download did: candles taken in, bars found never made, candles refused as impossible, requests."""

    appended: Appended = field(default_factory=Appended)
    never_made: int = 0
    refused: int = 0
    requests: int = 0


class Download:
    """Fills one series."""

    def __init__(
        self, pages: CandlePages, writer: CandleWriter, series: Series, clock: Clock, on_progress: OnProgress
    ) -> None:
        """`on_progress` hears how many bars of the holes are done since the last time."""
        self.done = Downloaded()
        self._pages, self._writer, self._series, self._clock = pages, writer, series, clock
        self._length = series.timeframe_ms
        self._on_progress = on_progress

    async def fill(self, span: Stretch) -> Downloaded:
        """Ask for all that is not known of a span. Raises the venue's error when it persists; what came is stored."""
        for hole in self._joined(self._writer.holes(span)):
            await self._fill(hole)
        return self.done

    def _joined(self, holes: Sequence[Stretch]) -> list[Stretch]:
        """Holes and what is known between them, where that is short."""
        joined: list[Stretch] = []
        for hole in holes:
            if joined and hole.first_ms - joined[-1].end_ms <= JOINED_BARS * self._length:
                joined[-1] = Stretch(joined[-1].first_ms, hole.end_ms)
            else:
                joined.append(hole)
        return joined

    async def _fill(self, hole: Stretch) -> None:
        at, missing = hole.first_ms, self._writer.holes(hole)
        while at < hole.end_ms:
            since = self._from(at)
            bars = await self._ask(since, known=since < at)
            gaps = self._gaps(bars, hole)
            if gaps or not len(bars) or int(bars.open_time[-1]) < at:
                again = await self._ask(since, known=since < at)
                self._store(again, hole)
                gaps &= self._gaps(again, hole)
                bars = max(bars, again, key=lambda each: int(each.open_time[-1]) if len(each) else 0)
            self._store(bars, hole)
            for gap in sorted(gaps):
                self.done.never_made += self._writer.mark_never_made(_shared(gap, hole))
            self._writer.flush()
            last = int(bars.open_time[-1]) + self._length if len(bars) else 0
            go_on = min(hole.end_ms, last if last > at else at + EMPTY_BARS * self._length)
            self._on_progress(sum(_shared(each, Stretch(at, go_on)).bars(self._length) for each in missing))
            at = go_on

    def _from(self, at_ms: int) -> int:
        """The bar before, when it is here: an answer that begins with it leaves nothing out before the next one."""
        before = Stretch(at_ms - self._length, at_ms)
        return at_ms if before.first_ms < 0 or self._writer.holes(before) else before.first_ms

    async def _ask(self, since_ms: int, *, known: bool) -> Bars:
        """An answer; `known`: the venue has had a candle of `since_ms`, so an answer with none at all is no answer."""
        backoff = Backoff(self._clock)
        for left in range(TRIES - 1, -1, -1):
            if self.done.requests:
                await self._clock.sleep(self._pages.pause_s)
            self.done.requests += 1
            try:
                bars = await self._pages.page(self._series, since_ms)
            except VenueError as error:
                if not error.transient or not left:
                    raise
            else:
                if len(bars) or not known or not left:
                    return bars.slice(int(bars.open_time.searchsorted(since_ms)), len(bars))
            await backoff.wait()
        raise AssertionError("the last try returns or raises")

    def _gaps(self, bars: Bars, hole: Stretch) -> set[Stretch]:
        """Bars of a hole that are not known and that an answer leaves out between two that it has."""
        at = np.flatnonzero(np.diff(bars.open_time) > self._length)
        begins, ends = bars.open_time[at] + self._length, bars.open_time[at + 1]
        found = (Stretch(first, end) for first, end in zip(begins.tolist(), ends.tolist(), strict=True))
        return {each for each in found if self._writer.holes(_shared(each, hole))}

    def _store(self, bars: Bars, hole: Stretch) -> None:
        """Take in what belongs to a hole, or to the bar before it; a bar that cannot be stays a hole."""
        wanted = (bars.open_time >= hole.first_ms - self._length) & (bars.open_time < hole.end_ms)
        bad = wanted & any_of(impossible(bars))
        self.done.refused += int(bad.sum())
        take = wanted & ~bad
        kept = Bars(self._length, bars.open_time[take], *(getattr(bars, name)[take] for name in COLUMNS))
        self.done.appended += self._writer.append(kept, self._clock.now_ms())


def _shared(one: Stretch, other: Stretch) -> Stretch:
    """What two stretches have in common; empty when that is nothing.

    >>> _shared(Stretch(0, 5), Stretch(3, 9)), _shared(Stretch(0, 5), Stretch(7, 9))
    (Stretch(first_ms=3, end_ms=5), Stretch(first_ms=7, end_ms=7))
    """
    first_ms = max(one.first_ms, other.first_ms)
    return Stretch(first_ms, max(first_ms, min(one.end_ms, other.end_ms)))
