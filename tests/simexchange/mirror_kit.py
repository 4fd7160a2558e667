"""Practice on live prices: a real venue that is replayed, ours that mirrors it, and what a test asks of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp

from tests.books_kit import next_frame
from tests.captures import Truth
from tests.contract.ccxt_kit import ToLoopback
from tests.nouns import BTC
from tests.replay_kit import SPIN_S, ReplayVenue, replay_venue, spins
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.mirror_feed import MirrorFeed, mirrored_listings
from tradepool.simexchange.records import Kind, NewOrder, Order, Side
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

START_MS = 1_723_161_254_000
DEPTH, TRADE = "btcusdt@depth@100ms", "btcusdt@trade"


@dataclass
class Practice:
    """The real venue (replayed), ours, and the feed between them."""

    real: ReplayVenue
    venue: Venue
    feed: MirrorFeed
    clock: VirtualClock
    running: asyncio.Task[None]

    @property
    def status(self) -> str:
        """Whether our market trades."""
        return self.venue.market("BTCUSDT").status

    async def until(self, done: Callable[[], object], jump_ms: int = 0) -> None:
        """Let everybody run until something is true; `jump_ms` of waiting may be skipped."""
        until_ms = self.clock.now_ms() + jump_ms
        for _ in spins():
            if self.running.done():
                await self.running
            if done():
                return
            wake_ms = self.clock.next_wake_ms()
            if jump_ms and wake_ms is not None and wake_ms <= until_ms:
                self.clock.advance_to(wake_ms)
            await asyncio.sleep(SPIN_S)

    async def until_equal(self, jump_ms: int = 0) -> None:
        """Until our market trades with the real one's best prices and sizes, and nothing of it was taken."""
        await self.until(lambda: self.status == "TRADING" and self.levels() == self.real_levels(), jump_ms)

    def levels(self, count: int = 20) -> list[list[tuple[int, int]]]:
        """Our best levels in ticks and steps."""
        book = self.venue.market("BTCUSDT").liquidity
        return [book.levels(side, count) for side in (Side.BUY, Side.SELL)]

    def real_levels(self, count: int = 20) -> list[list[tuple[int, int]]]:
        """The real venue's, less what is smaller than a step."""
        said = self.real.truths["BTCUSDT"].answer(10_000)
        sides = [
            [(round(float(price) * 100), int(Decimal(quantity) * 100_000)) for price, quantity in said[side]]
            for side in ("bids", "asks")
        ]
        return [[level for level in side if level[1]][:count] for side in sides]

    async def move(self, *, send: bool = True, **changes: Any) -> None:
        """The real book moves by one update."""
        frame = next_frame(self.real, "BTCUSDT", **changes)
        self.real.truths["BTCUSDT"].apply(frame)
        if send:
            await self.real.send(DEPTH, frame)

    async def print(self, number: int, price: str, quantity: str, *, sold: bool, time_ms: int = START_MS) -> None:
        """Somebody trades on the real venue."""
        await self.real.send(
            TRADE,
            {"e": "trade", "E": time_ms, "s": "BTCUSDT", "t": number, "p": price, "q": quantity, "T": time_ms,
             "m": sold, "M": True},
        )  # fmt: skip

    def place(self, kind: Kind, side: Side, steps: int, limit: int = 0, name: str = "a") -> Order:
        """One of our orders."""
        account = self.venue.account("key")
        return self.venue.place(
            account,
            NewOrder("BTCUSDT", name, side, kind, steps, limit),
        )

    def order(self, name: str = "a") -> Order:
        """How it stands now."""
        return self.venue.find_order(self.venue.account("key"), "BTCUSDT", client_id=name)


def fill_book(real: ReplayVenue) -> None:
    """Two levels a side, one of them with an odd lot."""
    real.truths["BTCUSDT"] = Truth(
        100,
        {"99.00000000": "1.00000000", "98.00000000": "2.00000100"},
        {"101.00000000": "1.00000000", "102.00000000": "3.00000000"},
    )


@asynccontextmanager
async def practice(files: TlsFiles, fill: Callable[[ReplayVenue], None] = fill_book) -> AsyncIterator[Practice]:
    """A real venue that is replayed, and ours that mirrors it."""
    async with replay_venue([BTC], files) as (real, transport):
        fill(real)
        assert transport.loopback_port is not None
        connector = aiohttp.TCPConnector(ssl=files.client_context(), resolver=ToLoopback(transport.loopback_port))
        async with aiohttp.ClientSession(connector=connector) as http:
            venue = Venue(await mirrored_listings(http, ["BTCUSDT"]))
            venue.open_account("key", "secret", {"USDT": Decimal(1_000_000), "BTC": Decimal(100)})
            clock = VirtualClock(START_MS)
            feed = MirrorFeed(venue, ["BTCUSDT"], http, clock)
            at = Practice(real, venue, feed, clock, asyncio.create_task(feed.run()))
            try:
                await at.until_equal()
                yield at
            finally:
                at.running.cancel()
                await asyncio.gather(at.running, return_exceptions=True)
