"""A venue of many markets and a data plane that follows it into a store, both from the start or from the middle."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path

from typing_extensions import Buffer

from tests.whole.test_faults import cut
from tradepool.adapters.candle_store.store import FileStore
from tradepool.adapters.candle_store.writer import read_corrections
from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.transport import Session
from tradepool.core.market.bars import COLUMNS
from tradepool.domain.candle import Candle
from tradepool.domain.market import Market
from tradepool.entrypoints.lock_step import IdleSelector, LockStep, run_in_lock_step
from tradepool.entrypoints.replay import connection_of
from tradepool.ports.candles import Series
from tradepool.ports.journal import Checkpoint
from tradepool.runtime.clock import VirtualClock
from tradepool.services.candle_record import CandleRecord
from tradepool.services.market_data import MarketData
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.market_model import model_listings
from tradepool.simexchange.scenario import Scenario
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files
from tradepool.simexchange.venue import Venue

MINUTE_MS = 60_000
START_MS = 1_704_067_200_000
SYMBOLS = [f"C{number:02}/USDT" for number in range(20)]
FRAMES = "*@kline_1m"
BAD_FRAMES = [
    Fault(kind="lost", stream=FRAMES, share=0.03),
    Fault(kind="doubled", stream=FRAMES, share=0.03),
    Fault(kind="reordered", stream=FRAMES, share=0.03),
    Fault(kind="delayed", stream=FRAMES, share=0.01, delay_ms=1_500),
]

Row = tuple[float, ...]


class NoCheckpoints:
    """Nobody's steps are saved."""

    def checkpoints(self) -> list[Checkpoint]:
        return []

    def save_checkpoints(self, checkpoints: list[Checkpoint]) -> None:
        assert not checkpoints


class Timed(CandleRecord):
    """A record that remembers when the plane had which candle first: (close, when)."""

    def __init__(self, store: FileStore, feed: CcxtFeed, clock: VirtualClock) -> None:
        super().__init__(store, feed, clock)
        self.came: dict[tuple[str, int], int] = {}

    def take(self, candle: Candle) -> None:
        self.came.setdefault((candle.market.id, candle.close_time_ms), self._clock.now_ms())
        super().take(candle)


class Follower:
    """One life of the data plane: it begins when the venue has made `begin` bars, and is over after `end` of them."""

    def __init__(
        self,
        folder: Path,
        minutes: int,
        seed: int,
        gap_share: float = 0.0,
        faults: Sequence[Fault] = (),
        cuts: bool = True,
    ) -> None:
        self.folder, self.minutes, self.seed = folder, minutes, seed
        self.venue = Venue(model_listings(SYMBOLS, MINUTE_MS, START_MS, minutes, seed, gap_share))
        self.dice = random.Random(seed)
        self.scenario = Scenario(faults=tuple(faults), seed=seed)
        self.store = FileStore(folder / "candles")
        self.cuts = self.asked = 0
        self.cutting = cuts

    def live(self, begin: int = 0, end: int | None = None) -> None:
        """Follow, whole."""
        self.end_ms = START_MS + (self.minutes if end is None else end) * MINUTE_MS
        self.venue.step_bars(begin)
        self.clock = VirtualClock(self.venue.now_ms)
        run_in_lock_step(self._run)

    async def _trouble(self) -> None:
        """Cut whatever stream is open, every few seconds."""
        while self.cutting:
            await self.clock.sleep(self.dice.uniform(1, 8))
            self.cuts += cut(list(self.server.links)[:1])

    async def _run(self, selector: IdleSelector) -> None:
        tls = make_tls_files(self.folder)
        self.server = Server(
            self.venue, UnixSocket(str(self.folder / "v")), tls.server_context(), self.scenario, self.clock
        )
        self.session = Session(connection_of(await self.server.start(), tls))
        self.feed = CcxtFeed("binance", self.session, self.clock, self.clock_to)
        markets = [market for market in await self.feed.markets() if market.symbol in SYMBOLS]
        self.record = Timed(self.store, self.feed, self.clock)
        self.data = self.plane(markets)
        await self.data.start()
        await self.data.catch_up()
        self.asked = self.record.kept.new + self.record.kept.same
        working = [asyncio.create_task(work) for work in (self.data.run(), self.record.run(), self._trouble())]
        lock = LockStep(selector, self.clock, lambda: [task for task in working[:2] if task.done()])
        await lock.run(self, lambda: True)
        working[2].cancel()
        await lock.wait_for(self.data.catch_up(), self)
        await lock.wait_for(self._compare(markets), self)
        for task in working:
            task.cancel()
        self.record.close()
        await self.feed.close()
        await self.session.close()
        await self.server.stop()

    async def _compare(self, markets: Sequence[Market]) -> None:
        """What a start would read is what the venue alone would say, from wherever it is asked for."""
        for market in markets[:3]:
            for since_ms in (0, START_MS, START_MS + 17 * MINUTE_MS + 1, self.venue.now_ms):
                asked = await self.feed.history(market, MINUTE_MS, since_ms)
                assert await self.record.history(market, MINUTE_MS, since_ms) == asked

    def plane(self, markets: Sequence[Market]) -> MarketData:
        return MarketData(
            self.feed,
            self.clock,
            NoCheckpoints(),  # type: ignore[arg-type]
            MINUTE_MS,
            {},
            [],
            lambda time_ms, signals: None,
            record=self.record,
            recorded=[(market, START_MS) for market in markets],
        )

    def live_until_killed(self, writes: int) -> None:
        """Live in a process of its own, which is killed at one of its writes to the store."""
        child = os.fork()
        if not child:
            write = os.pwrite

            def last_write(file: int, content: Buffer, offset: int) -> int:
                nonlocal writes
                writes -= 1
                if not writes:
                    os.kill(os.getpid(), signal.SIGKILL)
                return write(file, content, offset)

            os.pwrite = last_write
            try:
                self.live()
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, status

    # ---- the venue as the lock step drives it, up to the end of this life

    def next_time_ms(self) -> int:
        # With None, the lock step would go on for as long as anybody sleeps, and the record always does.
        return self.venue.next_time_ms() or self.venue.now_ms

    def step(self, until_ms: int | None = None) -> bool:
        return self.venue.now_ms < self.end_ms and self.venue.step(until_ms)

    def pass_time(self, time_ms: int) -> None:
        self.venue.pass_time(time_ms)

    def clock_to(self, time_ms: int) -> None:
        """The platform's clock follows the venue's."""
        self.clock.advance_to(max(time_ms, self.clock.now_ms()))

    # ---- what came of it

    def stored(self) -> dict[str, dict[int, Row]]:
        """The candles in the store, read anew, and checked against their seals."""
        return {
            symbol: {
                int(bars.open_time[at]): tuple(float(getattr(bars, name)[at]) for name in COLUMNS)
                for at in range(len(bars))
            }
            for symbol in SYMBOLS
            for bars in [self.store.reader(Series("binance", symbol, "1m")).bars()]
        }

    def shown(self) -> dict[str, dict[int, Row]]:
        """What the venue says its candles are: the last one never closes."""
        return {
            market.market.symbol: {
                int(market.open_time[bar]): (
                    *(float(market.market.price(int(column[bar]))) for column in columns),
                    float(market.volume[bar]),
                )
                for bar in range(market.published)
            }
            for market in self.venue.markets
            for columns in [(market.open, market.high, market.low, market.close)]
        }

    @property
    def came(self) -> list[tuple[int, int]]:
        """When each candle closed, and when the plane had it."""
        return [(close_ms, came_ms) for (_, close_ms), came_ms in self.record.came.items()]

    def corrections(self) -> int:
        """Candles that were changed after they were stored."""
        folders = [self.store.folder_of(Series("binance", symbol, "1m")) for symbol in SYMBOLS]
        return sum(len(read_corrections(folder)) for folder in folders)
