"""Our real feed and gateway before a simulated exchange whose faults are on the wire, over TCP and TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.nouns import request
from tests.simexchange.exchange_kit import START, Row, market, small_venue
from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.ccxt_gateway import CcxtGateway
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.core.risk.review import review
from tradepool.domain.candle import Candle
from tradepool.domain.event import Event
from tradepool.domain.ids import AccountId, client_order_id
from tradepool.domain.market import Market
from tradepool.domain.order import ApprovedOrder
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.door import TcpPort
from tradepool.simexchange.faults import Faults
from tradepool.simexchange.records import Order
from tradepool.simexchange.scenario import Scenario
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

MARKET = market()
# Real milliseconds: a true answer comes within them on a slowed machine too; one that never comes is waited for so long.
TIMEOUT_MS = 1_000
SPINS_MAX = 100_000


@dataclass
class Desk:
    """A feed and a gateway at work, and what they were told."""

    venue: Venue
    server: Server
    feed: CcxtFeed
    gateway: CcxtGateway
    markets: list[Market]
    events: list[Event] = field(default_factory=list)
    candles: list[Candle] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def faults(self) -> Faults:
        """What goes wrong from now on."""
        return self.server.faults

    @property
    def orders(self) -> list[Order]:
        """What the venue has, whatever anybody was told."""
        return self.venue.orders("key")

    async def listen(self) -> None:
        """Open the account's stream and the candles'."""
        await self.gateway.open(self.events.append, lambda why: self.lost.append(f"account: {why}"))
        await self.subscribe()

    async def subscribe(self) -> None:
        """Open the candles' stream."""
        on_lost: Callable[[str], None] = lambda why: self.lost.append(f"candles: {why}")  # noqa: E731
        await self.feed.subscribe(self.markets, 60_000, self.candles.append, on_lost)

    async def submit(self, number: int = 1, **changes: Any) -> Event:
        """Send an order, with the clock set by the venue's."""
        await self.feed.time_ms()
        return await self.gateway.submit(order(number, **changes))

    async def until(self, done: Callable[[], object]) -> None:
        """Let everybody run until something is true."""
        for _ in range(SPINS_MAX):
            if done():
                return
            await asyncio.sleep(0)
        raise AssertionError("it never became true")

    async def settle(self) -> None:
        """Let everything that was sent arrive: a request's answer comes after all frames before it."""
        for _ in range(3):
            await self.feed.time_ms()
            for _ in range(20):
                await asyncio.sleep(0)


Story = Callable[[Desk], Awaitable[None]]


def play(files: TlsFiles, story: Story, rows: list[Row], seed: int = 7) -> Venue:
    """A story on a fresh venue; whatever it leaves there."""
    venue = small_venue(rows)

    async def tell() -> None:
        async with desk(venue, files, seed) as at:
            await asyncio.wait_for(story(at), 60)

    asyncio.run(tell())
    return venue


@asynccontextmanager
async def desk(venue: Venue, files: TlsFiles, seed: int = 7) -> AsyncIterator[Desk]:
    """A gateway whose markets are loaded and whose key is known to work; nothing goes wrong yet."""
    server = Server(venue, TcpPort(), files.server_context(), Scenario(seed=seed))
    place = await server.start()
    assert isinstance(place, TcpPort)
    session = Session(Transport(ca_file=files.ca_file, loopback_port=place.port))
    clock = VirtualClock(venue.now_ms)

    def on_time(time_ms: int) -> None:
        clock.advance_to(max(time_ms, clock.now_ms()))

    feed = CcxtFeed("binance", session, clock, on_time)
    markets = list(await feed.markets())
    gateway = CcxtGateway(
        AccountId("a" * 32), Credentials("key", "secret"), feed.client, markets, session, clock, on_time
    )
    await gateway.balances()
    gateway._client.timeout = TIMEOUT_MS
    try:
        yield Desk(venue, server, feed, gateway, markets)
    finally:
        server.faults.clear()
        gateway._client.timeout = 10_000
        await gateway.close()
        await feed.close()
        await session.close()
        await server.stop()


def order(number: int = 1, steps: int = 100, **changes: Any) -> ApprovedOrder:
    """A market buy of a tenth of a bitcoin, or what the changes make of it."""
    name = client_order_id(1, number)
    wish = request(client_order_id=name, quantity=MARKET.quantity(steps), time_ms=START, **changes)
    verdict = review(wish, MARKET, held_steps=10_000, spendable_units=1)
    assert isinstance(verdict, ApprovedOrder), verdict
    return verdict
