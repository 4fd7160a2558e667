"""The way of a command to its deployment's venue: where it is, and one sealed session with what is asked over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tradepool.adapters.exchanges.ccxt_books import CcxtBooks
from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.ccxt_gateway import CcxtGateway
from tradepool.adapters.exchanges.rate_limits import limits_of
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.adapters.exchanges.venues import facts_of
from tradepool.domain.deployment import Kind
from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.market import Market
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.exchange_place import ExchangeAway, read_place
from tradepool.entrypoints.practice import clock_of, folder_of, transport_of
from tradepool.ports.clock import Clock
from tradepool.runtime.clock import RealClock
from tradepool.runtime.egress import sealed
from tradepool.runtime.throttle import Throttle

KEEP_ALIVE_MS = 30_000

# The venue's time, and how it is reached.
Way = tuple[Clock, Transport]


def way_to(deployed: Deployed) -> Way:
    """The way there; a practice exchange that is gone is not started for a look. ExchangeAway."""
    if deployed.deployment.kind is Kind.LIVE:
        return RealClock(), Transport()
    served = read_place(folder_of(deployed))
    if served is None:
        raise ExchangeAway(folder=folder_of(deployed), why="it is not running")
    return clock_of(served), transport_of(served)


@dataclass(frozen=True, slots=True)
class Asked:
    """A venue while a command asks it: its public data, and one gateway for each key."""

    venue: str
    clock: Clock
    session: Session
    broker: Throttle
    feed: CcxtFeed

    async def listed(self) -> dict[MarketId, Market]:
        """The markets that it lists. VenueError."""
        return {market.id: market for market in await self.feed.markets()}

    def books(self) -> CcxtBooks:
        """Its order books; the feed's markets were asked for before. Whoever takes them closes them."""
        return CcxtBooks(self.venue, self.session, self.clock, master=self.feed.client, broker=self.broker)

    def gateway(self, account: AccountId, credentials: Credentials, markets: Sequence[Market]) -> CcxtGateway:
        """For one key; the feed's markets were asked for before. Whoever takes it closes it."""
        return CcxtGateway(
            account,
            credentials,
            self.feed.client,
            markets,
            self.session,
            self.clock,
            _ignore,
            KEEP_ALIVE_MS,
            self.broker,
        )


@asynccontextmanager
async def asked(venue: str, way: Way) -> AsyncIterator[Asked]:
    """Connect; nothing else in this process may meanwhile."""
    clock, transport = way
    reach = facts_of(venue).reach
    with sealed(reach.names, lambda error: None):
        session, broker = Session(transport, (), reach, lambda error: None, 0), Throttle(limits_of(venue), clock)
        feed = CcxtFeed(venue, session, clock, _ignore, KEEP_ALIVE_MS, broker)
        try:
            yield Asked(venue, clock, session, broker, feed)
        finally:
            await feed.close()
            await session.close()
            # Connections that are being closed say goodbye before the loop ends.
            await asyncio.sleep(0)


def _ignore(time_ms: int) -> None:
    """Nobody's clock follows the venue's here."""
