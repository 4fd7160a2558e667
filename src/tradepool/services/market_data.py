"""Candles in, signals out: each strategy computed once per market, for all users.

All candles with one T make one batch: it waits until each market's candle is there, or known missing. A strategy that
reads other markets is stepped once it is known which of their bars closed by then: a candle that is still missing after
the grace is asked for, so that what was there at T is never taken for absent. The stream only fills an inbox; `run`
does the work, so that whatever goes wrong there ends where it is heard of, and not in a handler.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.candle import Candle
from tradepool.domain.errors import VenueError
from tradepool.domain.ids import MarketId, StrategyId
from tradepool.domain.market import Market
from tradepool.domain.signal import Signal
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import CandleFeed
from tradepool.ports.journal import Journal
from tradepool.runtime import telemetry
from tradepool.services.backoff import Reconnecting
from tradepool.services.reader import Reader

CANDLE_GRACE_S = 2.0
CHECKPOINT_BATCHES = 256

log = telemetry.logger(__name__)

OnBatch = Callable[[int, Sequence[Signal]], None]


@dataclass(slots=True)
class _Followed:
    """A market, who reads it, the newest candle taken in, and up to when it is known which candles there are."""

    market: Market
    readers: list[Reader] = field(default_factory=list)
    last_open_ms: int = -1
    known_ms: int = -1
    prompt: bool = True


@dataclass(slots=True)
class _Batch:
    """What has come of one T; `grace` runs out CANDLE_GRACE_S after its first candle.

    `due` are readers that may not be stepped before it is known which candles of other markets there are.
    """

    signals: list[Signal] = field(default_factory=list)
    due: list[tuple[Reader, Candle]] = field(default_factory=list)
    arrived: set[MarketId] = field(default_factory=set)
    grace: asyncio.Task[None] | None = None


class MarketData:
    """Follows markets of one venue and timeframe; `on_batch` gets each T's signals once, in order of T.

    Strategies that read other markets may come a moment later, in an `on_batch` of their own: nobody else waits.
    """

    def __init__(
        self,
        feed: CandleFeed,
        clock: Clock,
        journal: Journal,
        timeframe_ms: int,
        strategies: Mapping[StrategyId, Strategy],
        follows: Sequence[tuple[StrategyId, Market]],
        on_batch: OnBatch,
        others: Sequence[Market] = (),
    ) -> None:
        """`follows` names each strategy and market somebody's mandate wants; `others` are read beside those."""
        self.candles = 0
        self._feed = feed
        self._clock = clock
        self._journal = journal
        self._timeframe_ms = timeframe_ms
        self._on_batch = on_batch
        self._followed: dict[MarketId, _Followed] = {}
        self._inbox: deque[Candle | int] = deque()
        self._wake = asyncio.Event()
        self._lost = ""
        self._reconnecting = Reconnecting(clock)
        self._collecting: dict[int, _Batch] = {}
        self._delivered_ms = -1
        self._batches = 0
        listed = {market.symbol: market for market in others}
        self._readers = [Reader(name, strategies[name], market, timeframe_ms, listed) for name, market in follows]
        for reader in self._readers:
            for market_id, market in {each.id: each for each in (reader.market, *reader.others)}.items():
                self._followed.setdefault(market_id, _Followed(market)).readers.append(reader)

    # ---- starting, and starting again

    async def start(self) -> dict[MarketId, float]:
        """Load the saved steps, subscribe, and take in what was missed; the last closes known before that."""
        saved = {(each.strategy_id, each.market): each for each in self._journal.checkpoints()}
        closes: dict[MarketId, float] = {}
        for reader in self._readers:
            checkpoint = saved.get((reader.strategy_id, reader.market.id))
            if checkpoint is not None:
                reader.load(checkpoint)
                closes[checkpoint.market] = checkpoint.close
        await self._subscribe()
        return closes

    async def run(self) -> None:
        """Step over what comes, and mend the stream whenever it breaks, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._lost:
                await self._mend()
            while self._inbox and not self._lost:
                await self._take(self._inbox.popleft())

    async def _mend(self) -> None:
        while self._lost:
            log.warning("candle stream lost", why=self._lost)
            await self._reconnecting.before_try()
            self._lost = ""
            try:
                await self._subscribe()
                await self.catch_up()
            except VenueError as error:
                self._lost = str(error)

    async def _subscribe(self) -> None:
        markets = [followed.market for followed in self._followed.values()]
        await self._feed.subscribe(markets, self._timeframe_ms, self._post, self._on_lost)
        self._reconnecting.connected()

    def _post(self, item: Candle | int) -> None:
        self._inbox.append(item)
        self._wake.set()

    def _on_lost(self, why: str) -> None:
        self._lost = why or "lost"
        self._wake.set()

    async def catch_up(self) -> None:
        """Step over the candles that closed since the steps were saved; later ones come by the stream.

        The cut is the venue's time after the subscription: what closed before it is asked for, what closes after it is
        streamed, and a market's candle up to it that is not there now does not exist.
        """
        now_ms = await self._feed.time_ms()
        missed = [(followed, await self._missed(followed)) for followed in self._followed.values()]
        for followed, candles in missed:
            self._learn(followed, candles, now_ms)
            followed.prompt = True
        for time_ms in sorted(time_ms for time_ms in self._collecting if time_ms <= now_ms):
            self._deliver(time_ms)

    async def _missed(self, followed: _Followed) -> Sequence[Candle]:
        """The candles its readers lack; a new reader's warm-up is counted in bars that exist."""
        if followed.known_ms >= 0:
            since_ms = followed.known_ms - self._timeframe_ms + 1
            return await self._feed.history(followed.market, self._timeframe_ms, since_ms)
        saved = [reader.last_open_ms + 1 for reader in followed.readers if reader.last_open_ms >= 0]
        new = [reader.history(followed.market) for reader in followed.readers if reader.last_open_ms < 0]
        bars = span = max(new, default=0)
        while True:
            since_ms = min([*saved, self._clock.now_ms() - span * self._timeframe_ms])
            candles = await self._feed.history(followed.market, self._timeframe_ms, max(0, since_ms))
            # Finding no more proves nothing: a halt may be longer than the span was stretched by.
            if len(candles) >= bars or since_ms <= 0:
                return candles
            span = 2 * span

    def _learn(self, followed: _Followed, candles: Sequence[Candle], now_ms: int) -> None:
        """Take in what the venue has of a market; up to `now_ms` there is nothing else."""
        for candle in candles:
            if candle.close_time_ms <= now_ms:
                self._collect(candle)
        followed.known_ms = max(followed.known_ms, now_ms)

    # ---- candles

    async def _take(self, item: Candle | int) -> None:
        """A candle, or the T of a batch that need not wait any longer."""
        if isinstance(item, int):
            if item in self._collecting:
                await self._after_all(item)
            return
        batch = self._collect(item)
        if batch is None:
            return
        time_ms = item.close_time_ms
        if time_ms <= self._delivered_ms or all(m in batch.arrived for m, f in self._followed.items() if f.prompt):
            self._complete(time_ms)
        self._give_grace(time_ms)

    def _give_grace(self, time_ms: int) -> None:
        batch = self._collecting.get(time_ms)
        if batch is not None and batch.grace is None:
            batch.grace = asyncio.create_task(self._after_grace(time_ms))

    async def _after_grace(self, time_ms: int) -> None:
        await self._clock.sleep(CANDLE_GRACE_S)
        self._post(time_ms)

    async def _after_all(self, time_ms: int) -> None:
        """The grace is over: give out what is there, then ask for the candles that somebody still waits for."""
        self._complete(time_ms)
        due = [reader for t, batch in self._collecting.items() if t <= time_ms for reader, _ in batch.due]
        unknown = {other.id for reader in due for other in reader.others if self._followed[other.id].known_ms < time_ms}
        try:
            for followed in [self._followed[market] for market in sorted(unknown)]:
                self._learn(followed, await self._missed(followed), time_ms)
        except VenueError as error:
            self._on_lost(str(error))
            return
        self._complete(time_ms)

    def _collect(self, candle: Candle) -> _Batch | None:
        """Step over a candle and add its signals to its batch; None for a candle already seen."""
        followed = self._followed[candle.market.id]
        if candle.open_time_ms <= followed.last_open_ms:
            return None
        if candle.close_time_ms <= followed.known_ms:
            # Its own market's steps take it; who reads it from another market has gone on without it.
            log.warning("a candle came that the venue did not have", market=candle.market.id, time=candle.close_time_ms)
        followed.last_open_ms = candle.open_time_ms
        followed.known_ms = max(followed.known_ms, candle.close_time_ms)
        self.candles += 1
        batch = self._collecting.setdefault(candle.close_time_ms, _Batch())
        batch.arrived.add(candle.market.id)
        for reader in followed.readers:
            reader.wait(candle)
            if reader.market.id != candle.market.id or candle.open_time_ms <= reader.last_open_ms:
                continue
            if reader.others:
                batch.due.append((reader, candle))
            else:
                batch.signals.append(reader.advance(candle))
        return batch

    def _complete(self, time_ms: int) -> None:
        """A market that missed a batch is not waited for again until it is back."""
        for older in sorted(t for t in self._collecting if t <= time_ms):
            batch = self._collecting[older]
            for market, followed in self._followed.items():
                if market in batch.arrived:
                    followed.prompt = True
                elif older > self._delivered_ms:
                    followed.prompt = False
            self._deliver(older)

    def _deliver(self, time_ms: int) -> None:
        """Give out a batch; who still waits to learn of another market's candle stays behind in it."""
        batch = self._collecting[time_ms]
        due, batch.due = batch.due, []
        for reader, candle in due:
            if all(self._followed[other.id].known_ms >= time_ms for other in reader.others):
                batch.signals.append(reader.advance(candle))
            else:
                batch.due.append((reader, candle))
        signals, batch.signals = batch.signals, []
        self._delivered_ms = max(self._delivered_ms, time_ms)
        if batch.due:
            self._give_grace(time_ms)
        else:
            del self._collecting[time_ms]
            if batch.grace is not None:
                batch.grace.cancel()
        if signals:
            self._on_batch(time_ms, signals)
        self._batches += 1
        if self._batches % CHECKPOINT_BATCHES == 0:
            self.save()

    def save(self) -> None:
        """Write down where every step stands."""
        self._journal.save_checkpoints([reader.checkpoint() for reader in self._readers if reader.last_open_ms >= 0])
