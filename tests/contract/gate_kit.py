"""A venue with a gate, and clients that come from different addresses of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp

from tests.contract.ccxt_kit import Exchange, ToLoopback
from tests.simexchange.exchange_kit import bars, flat, market
from tradepool.simexchange.door import TcpPort
from tradepool.simexchange.keys import ApiKey, Permissions
from tradepool.simexchange.limits import Limiter, Limits
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

PAIR = "BTC/USDT"
PRICES = {"BTC": 100.0, "ETH": 10.0, "BNB": 5.0}


@dataclass
class Gated(Exchange):
    """A running exchange that tells addresses apart."""

    port: int = 0
    stack: AsyncExitStack | None = None

    async def session_from(self, address: str) -> aiohttp.ClientSession:
        """A session whose connections come from an address of this machine (127.0.0.x)."""
        assert self.stack is not None
        connector = aiohttp.TCPConnector(
            ssl=self.tls, resolver=ToLoopback(self.port), limit=0, local_addr=(address, 0), force_close=True
        )
        return await self.stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    async def client_from(self, address: str, **config: Any) -> Any:
        """A ccxt client that comes from an address."""
        return self.client(**config, session=await self.session_from(address))

    def key(self, name: str, secret: str = "secret", **permissions: Any) -> ApiKey:
        """One more key of the account `key`."""
        account = self.venue.account("key")
        return self.venue.keys.add(
            ApiKey(
                name=name, account=account, secret=secret.encode(), created_ms=self.venue.now_ms,
                permissions=Permissions(**permissions),
            )
        )  # fmt: skip


def wallet_venue(assets: Sequence[str] = ("BTC", "ETH", "BNB"), candles: int = 30) -> Venue:
    """Markets of each asset against USDT at PRICES, and an account `key` with 1,000 USDT and 10 BTC."""
    listings = [Listing(market(asset), bars(flat(candles, PRICES[asset]))) for asset in assets]
    venue = Venue(listings, 0)
    venue.open_account("key", "secret", {"USDT": Decimal(1000), "BTC": Decimal(10)})
    return venue


@asynccontextmanager
async def gated(venue: Venue, files: TlsFiles) -> AsyncIterator[Gated]:
    """Serve a venue over HTTPS on a port of this machine."""
    server, tls = Server(venue, TcpPort(), files.server_context()), files.client_context()
    place = await server.start()
    assert isinstance(place, TcpPort)
    connector = aiohttp.TCPConnector(ssl=tls, resolver=ToLoopback(place.port), limit=0)
    async with AsyncExitStack() as stack, aiohttp.ClientSession(connector=connector) as session:
        running = Gated(venue, server, session, tls, port=place.port, stack=stack)
        try:
            yield running
        finally:
            await asyncio.gather(*(client.close() for client in running.clients))
            await server.stop()


Story = Callable[[Gated], Awaitable[None]]


def tell(story: Story, files: TlsFiles, limits: Limits | None = None, venue: Venue | None = None) -> Venue:
    """Run a story against a fresh venue, with limits or without."""
    venue = venue or wallet_venue()
    venue.limiter = Limiter(limits) if limits else None

    async def run() -> None:
        async with gated(venue, files) as running:
            await asyncio.wait_for(story(running), 60)

    asyncio.run(run())
    return venue
