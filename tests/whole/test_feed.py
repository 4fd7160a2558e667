"""Candles through the whole data plane: whatever the stream loses, what was recorded equals the venue's, bar for bar."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.whole.test_faults import cut
from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.transport import Session
from tradepool.domain.candle import Candle
from tradepool.domain.ids import MarketId
from tradepool.entrypoints.lock_step import IdleSelector, LockStep, run_in_lock_step
from tradepool.entrypoints.replay import connection_of
from tradepool.ports.journal import Checkpoint
from tradepool.runtime.clock import VirtualClock
from tradepool.services.market_data import MarketData
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.market_model import model_listings
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files
from tradepool.simexchange.venue import Venue

MINUTE_MS = 60_000
SYMBOLS = [f"C{number:02}/USDT" for number in range(20)]


class NoCheckpoints:
    """Nobody's steps are saved."""

    def checkpoints(self) -> list[Checkpoint]:
        return []

    def save_checkpoints(self, checkpoints: list[Checkpoint]) -> None:
        assert not checkpoints


class Follower:
    """A venue of many markets, and a data plane that records them while its stream is cut every few seconds."""

    def __init__(self, folder: Path, minutes: int, seed: int, gap_share: float) -> None:
        self.folder = folder
        self.venue = Venue(model_listings(SYMBOLS, MINUTE_MS, 0, minutes, seed, gap_share))
        self.clock = VirtualClock(self.venue.now_ms)
        self.dice = random.Random(seed)
        self.recorded: dict[MarketId, dict[int, tuple[float, ...]]] = {}
        self.twice = self.cuts = 0

    def record(self, candle: Candle) -> None:
        """Keep a candle; one that comes again must be the same."""
        mine = self.recorded.setdefault(candle.market.id, {})
        row = (candle.open, candle.high, candle.low, candle.close, candle.volume)
        self.twice += candle.open_time_ms in mine
        assert mine.setdefault(candle.open_time_ms, row) == row

    async def trouble(self) -> None:
        """Cut whatever stream is open, every few seconds."""
        while True:
            await self.clock.sleep(self.dice.uniform(1, 8))
            self.cuts += cut(list(self.server.links)[:1])

    async def run(self, selector: IdleSelector) -> None:
        """Follow to the last candle."""
        tls = make_tls_files(self.folder)
        self.server = Server(self.venue, UnixSocket(str(self.folder / "v")), tls.server_context())
        session = Session(connection_of(await self.server.start(), tls))
        feed = CcxtFeed("binance", session, self.clock, self.clock_to)
        markets = [market for market in await feed.markets() if market.symbol in SYMBOLS]
        data = MarketData(
            feed,
            self.clock,
            NoCheckpoints(),  # type: ignore[arg-type]
            MINUTE_MS,
            {},
            [],
            lambda time_ms, signals: None,
            record=self.record,
            recorded=[(market, 0) for market in markets],
        )
        await data.start()
        await data.catch_up()
        following = asyncio.create_task(data.run())
        troubling = asyncio.create_task(self.trouble())
        await LockStep(selector, self.clock, lambda: [task for task in [following] if task.done()]).run(self.venue)
        troubling.cancel()
        await data.catch_up()
        following.cancel()
        await feed.close()
        await session.close()
        await self.server.stop()

    def clock_to(self, time_ms: int) -> None:
        """The platform's clock follows the venue's."""
        self.clock.advance_to(max(time_ms, self.clock.now_ms()))

    def shown(self) -> dict[MarketId, dict[int, tuple[float, ...]]]:
        """What the venue says its candles are: the last one never closes."""
        return {
            market.market.id: {
                int(market.open_time[bar]): (
                    *(float(market.market.price(int(column[bar]))) for column in columns),
                    float(market.volume[bar]),
                )
                for bar in range(market.published)
            }
            for market in self.venue.markets
            for columns in [(market.open, market.high, market.low, market.close)]
        }


def test_random_disconnects_lose_no_candle(tmp_path_factory: pytest.TempPathFactory, long: bool) -> None:
    """24 virtual hours of 20 markets (an hour and a half in the short form), half of the runs with holes."""
    for seed in range(1, 3):
        follower = Follower(tmp_path_factory.mktemp("f"), 1440 if long else 90, seed, gap_share=0.1 * (seed - 1))
        run_in_lock_step(follower.run)
        assert follower.recorded == follower.shown()
        assert follower.cuts > (1000 if long else 60)
