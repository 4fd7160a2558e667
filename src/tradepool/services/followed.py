"""A market that is followed: who reads it, how far it is known, and what of it still has to be asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from tradepool.domain.candle import Candle
from tradepool.domain.ids import MarketId
from tradepool.domain.market import Market
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import CandleFeed
from tradepool.services.backoff import patiently
from tradepool.services.reader import Reader

# (bars, until): at least so many candles that opened no later than then.
Need = tuple[int, int]
# CandleFeed.history, or what answers in its place.
History = Callable[[Market, int, int], Awaitable[Sequence[Candle]]]


@dataclass(slots=True)
class Followed:
    """A market, who reads it, the newest candle taken in, and up to when it is known which candles there are; then what
    `MarketState` tells of it.

    `since_ms` is where its candles are wanted from even if nobody reads them (they are recorded); None: nowhere.
    A market that missed a batch is not `prompt`: nobody waits for it until it is back. `begun_ms` is when it was first asked
    for, at the start.
    """

    market: Market
    since_ms: int | None = None
    readers: list[Reader] = field(default_factory=list)
    last_open_ms: int = -1
    known_ms: int = -1
    begun_ms: int = -1
    prompt: bool = True
    last: Candle | None = None
    candles: int = 0
    gaps: int = 0
    filled: int = 0
    corrected: int = 0


class Missed:
    """Asks a venue for the candles that a followed market lacks."""

    def __init__(self, feed: CandleFeed, clock: Clock, timeframe_ms: int, past: History | None = None) -> None:
        """`past` answers at a start in place of the venue: from what was recorded."""
        self._feed = feed
        self._past = past or feed.history
        self._clock = clock
        self._timeframe_ms = timeframe_ms

    async def of_known(self, followed: Followed) -> Sequence[Candle]:
        """What closed since it was known; the last known candle is asked for again: it may have been corrected."""
        since_ms = max(0, followed.known_ms - self._timeframe_ms)
        return await self._feed.history(followed.market, self._timeframe_ms, since_ms)

    async def at_start(self, followed: Mapping[MarketId, Followed]) -> list[tuple[Followed, Sequence[Candle]]]:
        """What each market's readers lack. A new reader begins so many bars back that the next one counts, and of other
        markets it reads as many before its own first: counted in bars that exist, however rare."""
        now_ms, found = self._clock.now_ms(), dict[MarketId, Sequence[Candle]]()
        for each in followed.values():
            new = [reader for reader in each.readers if reader.is_new and reader.market.id == each.market.id]
            bars = max((reader.history for reader in new), default=0)
            found[each.market.id] = candles = await self._fetch(each, [(bars, now_ms)] if new else [])
            for reader in new:
                # Of a market without a past, or for a step that needs none, the bar that is running counts.
                running_ms = now_ms - now_ms % self._timeframe_ms
                reader.begin_ms = candles[-reader.history :][0].open_time_ms if candles else running_ms
        for each in followed.values():
            others = [reader for reader in each.readers if reader.is_new and each.market in reader.others]
            if others:
                needs = [(reader.history + 1, reader.begin_ms) for reader in others]
                if not _met(needs, found[each.market.id]):
                    found[each.market.id] = await self._fetch(each, needs)
        return [(followed[market], candles) for market, candles in found.items()]

    async def _fetch(self, followed: Followed, needs: Sequence[Need]) -> Sequence[Candle]:
        """Candles from where its readers stand, and further back until the needs are met or there is nothing older."""
        saved = [reader.lacks_from_ms for reader in followed.readers if not reader.is_new]
        wanted = saved if followed.since_ms is None else [*saved, followed.since_ms]
        span = max((bars for bars, _ in needs), default=0)
        while True:
            starts = [*wanted, *(until_ms - span * self._timeframe_ms for _, until_ms in needs)]
            since_ms = max(0, min(starts, default=self._clock.now_ms()))
            # Each question has its own patience: with many markets one of them would fail in every round.
            ask = partial(self._past, followed.market, self._timeframe_ms, since_ms)
            candles = await patiently(self._clock, ask)
            # Finding no more proves nothing: a halt may be longer than the span was stretched by.
            if not since_ms or _met(needs, candles):
                return candles
            span = 2 * span


def _met(needs: Sequence[Need], candles: Sequence[Candle]) -> bool:
    return all(sum(candle.open_time_ms <= until_ms for candle in candles) >= bars for bars, until_ms in needs)
