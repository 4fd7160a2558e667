"""Candles in, signals out: each strategy computed once per market, for all users.

One subscription serves everybody. Each closed candle is taken in once and in the order of its market: one that does not
join the last says that the stream has lost something, and that is asked for first. All candles with one T make one
batch: it waits until each market's candle is there, or known missing; what is still missing after the grace is asked
for, so that what was there at T is never taken for absent. A strategy that reads other markets is stepped once it is
known which of their bars closed by then. The stream only fills an inbox; `run` does the work, so that whatever goes
wrong there ends where it is heard of, and not in a handler.
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
from tradepool.ports.market_state import MarketState, PlaneState
from tradepool.runtime import telemetry
from tradepool.services.backoff import ONCE, Reconnecting, unanswered
from tradepool.services.candle_record import CandleRecord
from tradepool.services.followed import Followed, Missed
from tradepool.services.reader import Reader
from tradepool.services.saved_steps import SavedSteps

CANDLE_GRACE_S = 2.0
# Later than the grace: what then is not there is missing.
POLL_AFTER_MS = 3_000
# So long after a bar's end the venue may not have its candle yet.
ON_ITS_WAY_MS = 1_000
# Markets that are asked at once for what they lack.
ASKED_AT_ONCE = 8
# Turns of the loop in which a frame that has come already reaches the inbox; it takes three of them through ccxt.
TURNS_FOR_A_FRAME = 4
MS_PER_S = 1_000

log = telemetry.logger(__name__)

OnBatch = Callable[[int, Sequence[Signal]], None]


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

    Strategies that read other markets may come a moment later, in an `on_batch` of their own: nobody else waits. So do the
    signals of a market that could not be asked for what it lacks, in its own order.
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
        *,
        record: CandleRecord | None = None,
        recorded: Sequence[tuple[Market, int]] = (),
    ) -> None:
        """`follows` names each strategy and market somebody's mandate wants; `others` are read beside those.

        `record` gets every candle the venue shows; one it shows again, the same or corrected, comes again. At the start
        it is asked for history in the venue's place. `recorded` are markets, each with the open time its candles are wanted from, whoever reads them.
        """
        self.candles = 0
        self._feed = feed
        self._clock = clock
        self._timeframe_ms = timeframe_ms
        self._on_batch = on_batch
        self.on_candle: Callable[[Candle], None] = lambda candle: None
        self._record = record
        self._missed = Missed(feed, clock, timeframe_ms, record.history if record else None)
        self._followed = {market.id: Followed(market, since_ms) for market, since_ms in recorded}
        self._inbox: deque[Candle | int] = deque()
        self._wake = asyncio.Event()
        self._lost, self._down, self._caught_up = "", "", False
        self._unanswered: set[MarketId] = set()
        self._reconnecting = Reconnecting(clock)
        self._collecting: dict[int, _Batch] = {}
        self._delivered_ms = -1
        listed = {market.symbol: market for market in others}
        readers = [Reader(name, strategies[name], market, timeframe_ms, listed) for name, market in follows]
        self.steps = SavedSteps(journal, readers)
        for reader in readers:
            for market_id, market in {each.id: each for each in (reader.market, *reader.others)}.items():
                self._followed.setdefault(market_id, Followed(market)).readers.append(reader)

    # ---- starting, and starting again

    @property
    def known_ms(self) -> int:
        """Up to when every market that is waited for is known: the one that is furthest behind counts. -1: nothing is.

        One that has missed a batch is only counted where none is waited for: it is suspended by itself.
        """
        followed = self._followed.values()
        waited = [each for each in followed if each.prompt] or followed
        return min((each.known_ms for each in waited), default=-1)

    async def start(self) -> dict[MarketId, float]:
        """Load the saved steps and subscribe; the last closes known before that. A stream that can't be opened now is one
        that `run` mends."""
        closes = self.steps.load()
        if error := await unanswered(self._clock, self._subscribe, ONCE):
            self._on_lost(str(error))
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
        """Open the stream anew. Until it stands candles are asked for, so that nobody waits for it."""
        working = [asyncio.create_task(self._open_anew()), asyncio.create_task(self._poll())]
        try:
            ended, _ = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
        for task in ended:
            task.result()

    async def _open_anew(self) -> None:
        while self._lost:
            log.warning("candle stream lost", why=self._lost)
            await self._reconnecting.before_try()
            self._lost = ""
            try:
                await self._subscribe()
                await self.catch_up()
            except VenueError as error:
                self._lost = self._down = str(error)

    async def _poll(self) -> None:
        """Ask for each bar POLL_AFTER_MS after its end."""
        while True:
            now_ms = self._clock.now_ms()
            await self._clock.sleep((self._timeframe_ms - (now_ms - POLL_AFTER_MS) % self._timeframe_ms) / MS_PER_S)
            try:
                await self.catch_up()
            except VenueError as error:
                log.warning("candles can't be asked for either", why=str(error))

    async def _subscribe(self) -> None:
        markets = [followed.market for followed in self._followed.values()]
        await self._feed.subscribe(markets, self._timeframe_ms, self._post, self._on_lost)
        self._reconnecting.connected()
        self._down = self._lost

    def _post(self, item: Candle | int) -> None:
        self._inbox.append(item)
        self._wake.set()

    def _on_lost(self, why: str) -> None:
        self._lost = self._down = why or "lost"
        self._wake.set()

    def reopen(self, why: str) -> None:
        """Take the stream for broken, whatever it says of itself."""
        self._on_lost(why)

    def state(self) -> PlaneState:
        """How every market stands now."""
        markets = [
            MarketState(
                market=market,
                newest_ms=each.begun_ms if each.last is None else each.last.close_time_ms,
                known_ms=each.known_ms,
                gaps=each.gaps,
                filled=each.filled,
                corrected=each.corrected,
            )
            for market, each in self._followed.items()
        ]
        return PlaneState(
            now_ms=self._clock.now_ms(), timeframe_ms=self._timeframe_ms, lost=self._down, markets=markets
        )

    async def catch_up(self) -> None:
        """Step over the candles that closed since the steps were saved; later ones come by the stream.

        The cut is the venue's time after the subscription: what closed before it is asked for, what closes after it is
        streamed, and a market's candle up to it that is not there now does not exist. A market that can't be asked makes the
        others wait for the next try, so that a T stays whole; from the second time on only it lacks its candles.
        """
        now_ms = await self._feed.time_ms()
        failed: dict[MarketId, BaseException] = {}
        if self._caught_up:
            failed = await self._learn_missed(now_ms)
        else:
            for followed, candles in await self._missed.at_start(self._followed):
                self._learn(followed, candles, self._believed_ms(candles, now_ms))
                followed.prompt, followed.begun_ms = True, now_ms
            self._caught_up = True
        before, self._unanswered = self._unanswered, set(failed)
        if failed.keys() <= before:
            for time_ms in sorted(time_ms for time_ms in self._collecting if time_ms <= now_ms):
                self._deliver(time_ms)
        for error in failed.values():
            raise error

    async def _learn_missed(self, now_ms: int) -> dict[MarketId, BaseException]:
        """Learn what closed while the stream was down, of the markets of which a bar has ended since they were known; the
        errors of those that can't be asked."""
        ended_ms = now_ms - now_ms % self._timeframe_ms
        behind = [each for each in self._followed.values() if each.known_ms < ended_ms]
        failed: dict[MarketId, BaseException] = {}
        for start in range(0, len(behind), ASKED_AT_ONCE):
            some = behind[start : start + ASKED_AT_ONCE]
            asked = await asyncio.gather(*map(self._missed.of_known, some), return_exceptions=True)
            for followed, found in zip(some, asked, strict=True):
                if isinstance(found, BaseException):
                    failed[followed.market.id] = found
                else:
                    self._learn(followed, found, self._believed_ms(found, now_ms))
                    followed.prompt = True
            if failed.keys() >= {each.market.id for each in some}:
                # Nobody answers: the others would wait as long.
                why = failed[some[0].market.id]
                return failed | {each.market.id: why for each in behind[start + len(some) :]}
        return failed

    def _believed_ms(self, candles: Sequence[Candle], now_ms: int) -> int:
        """Up to when an answer of `now_ms` tells which candles there are: one that ended this moment may be on its way into
        the venue's record, so that it is not there yet does not mean that it never will be."""
        ended_ms = now_ms - now_ms % self._timeframe_ms
        if now_ms - ended_ms >= ON_ITS_WAY_MS or any(candle.close_time_ms == ended_ms for candle in candles):
            return now_ms
        return ended_ms - 1

    def _learn(self, followed: Followed, candles: Sequence[Candle], now_ms: int) -> None:
        """Take in what the venue has of a market; up to `now_ms` there is nothing else."""
        before = followed.candles
        for candle in candles:
            if candle.close_time_ms <= now_ms:
                self._collect(candle)
        if self._caught_up and followed.candles > before:
            followed.gaps += 1
            followed.filled += followed.candles - before
        followed.known_ms = max(followed.known_ms, now_ms)

    # ---- candles

    async def _take(self, item: Candle | int) -> None:
        """A candle, or the T of a batch that need not wait any longer."""
        if isinstance(item, int):
            if item in self._collecting:
                await self._after_all(item)
            return
        followed = self._followed[item.market.id]
        if item.open_time_ms > followed.known_ms and not await self._ask([followed], item.open_time_ms):
            return
        batch = self._collect(item)
        if batch is None:
            return
        time_ms = item.close_time_ms
        is_whole = all(market in batch.arrived for market, each in self._followed.items() if each.prompt)
        if time_ms <= self._delivered_ms or (is_whole and not await self._more_of(batch, time_ms)):
            self._complete(time_ms)
        self._give_grace(time_ms)

    async def _more_of(self, batch: _Batch, time_ms: int) -> bool:
        """Whether a market that nobody waits for is back: its candle of this batch has come, too. A few turns of the
        loop let in a frame that lies right behind the last one."""
        for _ in range(TURNS_FOR_A_FRAME if len(batch.arrived) < len(self._followed) else 0):
            await asyncio.sleep(0)
        return any(isinstance(item, Candle) and item.close_time_ms == time_ms for item in self._inbox)

    async def _ask(self, markets: Sequence[Followed], until_ms: int) -> bool:
        """Learn which candles of markets closed by then; False when the venue can't be asked: the stream is lost."""
        try:
            for followed in markets:
                self._learn(followed, await self._missed.of_known(followed), until_ms)
        except VenueError as error:
            self._on_lost(str(error))
            return False
        self._complete(until_ms)
        return True

    def _give_grace(self, time_ms: int) -> None:
        batch = self._collecting.get(time_ms)
        if batch is not None and batch.grace is None:
            batch.grace = asyncio.create_task(self._after_grace(time_ms))

    async def _after_grace(self, time_ms: int) -> None:
        await self._clock.sleep(CANDLE_GRACE_S)
        self._post(time_ms)

    async def _after_all(self, time_ms: int) -> None:
        """The grace is over: give out what is there, then ask for the candles that are missing."""
        missing = [each for each in self._followed.values() if each.prompt and each.known_ms < time_ms]
        self._complete(time_ms)
        due = [reader for t, batch in self._collecting.items() if t <= time_ms for reader, _ in batch.due]
        waited = [self._followed[other.id] for reader in due for other in reader.others]
        unknown = {each.market.id: each for each in (*missing, *waited) if each.known_ms < time_ms}
        await self._ask([unknown[market] for market in sorted(unknown)], time_ms)

    def _collect(self, candle: Candle) -> _Batch | None:
        """Step over a candle and add its signals to its batch; None for a candle already seen."""
        followed = self._followed[candle.market.id]
        if self._record is not None and self._caught_up:
            # What came before was the record's own.
            self._record.take(candle)
        if candle.open_time_ms <= followed.last_open_ms:
            if candle.open_time_ms == followed.last_open_ms and candle != followed.last:
                log.warning("the venue has corrected a candle", market=candle.market.id, time=candle.close_time_ms)
                followed.last = candle
                followed.corrected += 1
            return None
        if candle.close_time_ms <= followed.known_ms:
            # Its own market's steps take it; who reads it from another market has gone on without it.
            log.warning("a candle came that the venue did not have", market=candle.market.id, time=candle.close_time_ms)
        self.on_candle(candle)
        followed.last, followed.last_open_ms = candle, candle.open_time_ms
        followed.candles += 1
        followed.known_ms = max(followed.known_ms, candle.close_time_ms)
        self.candles += 1
        batch = self._collecting.setdefault(candle.close_time_ms, _Batch())
        batch.arrived.add(candle.market.id)
        for reader in followed.readers:
            reader.wait(candle)
            if reader.is_due(candle):
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
        self.steps.save()
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
        self.steps.given_out(whole=not self._collecting)

    def save(self) -> None:
        """Write down where every step stands; but where it was last noted, while somebody has not heard of a candle."""
        if self._collecting:
            self.steps.save()
        else:
            self.steps.save_now()
