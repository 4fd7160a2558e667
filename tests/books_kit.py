"""The data plane before a venue on real sockets: the unmodified ccxt client, our adapter, the service, and a test's clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from tests.nouns import BTC
from tests.replay_kit import SPIN_S, ReplayVenue, replay_venue, spins, symbol_of
from tradepool.adapters.exchanges.ccxt_books import CcxtBooks
from tradepool.adapters.exchanges.transport import Session
from tradepool.domain.market import Market
from tradepool.runtime.clock import VirtualClock
from tradepool.services.market_books import MarketBooks
from tradepool.simexchange.tls import TlsFiles

START_MS = 1_723_161_254_000
ETH = replace(BTC, base="ETH")


@dataclass
class Plane:
    """Everything that runs; `seen` are the updates of each book that was whole, in the order it reached them."""

    venue: ReplayVenue
    books: MarketBooks
    stream: CcxtBooks
    clock: VirtualClock
    running: asyncio.Task[None]
    seen: dict[str, list[int]] = field(default_factory=dict)

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

    async def until_whole(self, market: Market = BTC, jump_ms: int = 0) -> None:
        """Until the book is what the venue's is."""
        truth = self.venue.truths[symbol_of(market)]
        await self.until(lambda: not self.why(market) and self.last_id(market) == truth.last_id, jump_ms)

    async def until_gaps(self, count: int, market: Market = BTC) -> None:
        """Until the stream has left out something so often."""
        await self.until(lambda: self.books.state(market.id).gaps == count)

    async def until_update(self, update_id: int, market: Market = BTC) -> None:
        """Until the book is whole and has come so far."""
        await self.until(lambda: not self.why(market) and self.last_id(market) >= update_id)

    def why(self, market: Market = BTC) -> str:
        """Why the book is suspended, empty when it is not."""
        return self.books.state(market.id).why

    def last_id(self, market: Market = BTC) -> int:
        """The update a whole book is at."""
        return self.books.book(market.id).last_id

    def levels(self, market: Market = BTC, count: int = 10) -> tuple[list[list[str]], list[list[str]]]:
        """The best levels of our book in the venue's own words."""
        book = self.books.book(market.id)

        def words(levels: Any) -> list[list[str]]:
            return [[f"{market.price(t):.8f}", f"{s * market.base_unit:.8f}"] for t, s in list(levels)[:count]]

        return words(book.bids()), words(book.asks())

    def assert_equal(self, market: Market = BTC, count: int = 10) -> None:
        """Our best levels are the venue's."""
        truth = self.venue.truths[symbol_of(market)].answer(count)
        bids, asks = ([list(row) for row in truth[side]] for side in ("bids", "asks"))
        assert self.levels(market, count) == (bids, asks)

    async def move(self, market: Market = BTC, *, send: bool = True, **changes: Any) -> dict[str, Any]:
        """The venue's book moves by one update, and unless it gets lost its frame goes out."""
        symbol = symbol_of(market)
        frame = next_frame(self.venue, symbol, **changes)
        self.venue.truths[symbol].apply(frame)
        if send:
            await self.venue.send(f"{symbol.lower()}@depth@100ms", frame)
        return frame


def next_frame(
    venue: ReplayVenue, symbol: str, bids: Sequence[tuple[str, str]] = (), asks: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """The depthUpdate that follows the venue's book."""
    number = venue.truths[symbol].last_id + 1
    rows = (
        [[f"{Decimal(each):.8f}" for each in row] for row in bids],
        [[f"{Decimal(each):.8f}" for each in row] for row in asks],
    )
    return {"e": "depthUpdate", "E": START_MS, "s": symbol, "U": number, "u": number, "b": rows[0], "a": rows[1]}


def fill_books(venue: ReplayVenue) -> None:
    """Two levels a side everywhere, as of update 100."""
    for truth in venue.truths.values():
        truth.last_id = 100
        truth.bids = {f"{price:.8f}": "1.00000000" for price in (99, 98)}
        truth.asks = {f"{price:.8f}": "1.00000000" for price in (101, 102)}


@asynccontextmanager
async def plane(
    files: TlsFiles, markets: Sequence[Market] = (BTC,), venue: Callable[[ReplayVenue], None] = fill_books
) -> AsyncIterator[Plane]:
    """A venue, and the data plane running before it, every book whole."""
    async with replay_venue(markets, files) as (replayed, transport):
        venue(replayed)
        session = Session(transport)
        clock = VirtualClock(START_MS)
        stream = CcxtBooks("binance", session, clock)
        books = MarketBooks(stream, clock, markets)
        at = Plane(replayed, books, stream, clock, asyncio.create_task(books.run()))
        try:
            for market in markets:
                await at.until_whole(market)
            yield at
        finally:
            at.running.cancel()
            await asyncio.gather(at.running, return_exceptions=True)
            await stream.close()
            await session.close()
