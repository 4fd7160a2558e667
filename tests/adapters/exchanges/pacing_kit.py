"""The real ccxt clients behind a broker, before a simulated venue that counts, all on one clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.simexchange.exchange_kit import flat, small_venue
from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.ccxt_gateway import CcxtGateway
from tradepool.adapters.exchanges.rate_limits import BINANCE
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.domain.ids import AccountId
from tradepool.ports.weights import Limit, Measure
from tradepool.runtime.clock import VirtualClock
from tradepool.runtime.throttle import Throttle
from tradepool.simexchange.door import TcpPort
from tradepool.simexchange.limits import Limiter, Limits
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

REAL = Limits()
ANN = AccountId("a" * 32)

# Real seconds: an answer that has not come by then never will.
PATIENCE_S = 30.0


class Paced:
    """A venue that counts, a broker, a feed and one account's gateway, all on one clock."""

    def __init__(self, venue: Venue, session: Session, limits: Sequence[Limit]) -> None:
        """`limits` are what the broker believes."""
        self.venue = venue
        self.clock = VirtualClock(venue.now_ms)
        self.broker = Throttle(limits, self.clock)
        self.feed = CcxtFeed("binance", session, self.clock, self.on_time, broker=self.broker)
        self.session = session

    def on_time(self, time_ms: int) -> None:
        """The venue's time is ours."""
        self.clock.advance_to(max(time_ms, self.clock.now_ms()))

    async def join(self) -> None:
        """Load markets and open the account."""
        markets = await self.feed.markets()
        self.gateway = CcxtGateway(
            ANN,
            Credentials("key", "secret"),
            self.feed.client,
            markets,
            self.session,
            self.clock,
            self.on_time,
            broker=self.broker,
        )

    async def use(self, measure: Measure) -> int:
        """What the broker has counted of a measure in its first window."""
        limit = next(n for n, limit in enumerate(self.broker._budget.limits) if limit.measure is measure)
        return (await self.broker.snapshot()).uses[limit].used

    def pass_to(self, time_ms: int) -> None:
        """Time goes on for both."""
        self.venue.pass_time(time_ms)
        self.clock.advance_to(time_ms)

    async def close(self) -> None:
        """Leave."""
        await self.gateway.close()
        await self.feed.close()


@asynccontextmanager
async def paced(
    files: TlsFiles, limits: Sequence[Limit] = BINANCE, venue_limits: Limits = REAL
) -> AsyncIterator[Paced]:
    """Everything running, 20 seconds into a minute."""
    venue = small_venue(flat(30))
    venue.pass_time(venue.now_ms // 60_000 * 60_000 + 20_000)
    venue.limiter = Limiter(venue_limits)
    server = Server(venue, TcpPort(), files.server_context())
    place = await server.start()
    assert isinstance(place, TcpPort)
    session = Session(Transport(ca_file=files.ca_file, loopback_port=place.port))
    desk = Paced(venue, session, limits)
    await desk.join()
    try:
        yield desk
    finally:
        await desk.close()
        await session.close()
        await server.stop()


async def settled(task: asyncio.Task[Any]) -> bool:
    """Whether a request comes back; one that waits at the broker does not, however long the loop runs."""
    await asyncio.wait([task], timeout=0.2)
    return task.done()
