"""A simulated exchange that misbehaves on the wire, and a real gateway before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.nouns import request
from tests.simexchange.exchange_kit import START, flat, small_venue
from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.ccxt_gateway import CcxtGateway
from tradepool.adapters.exchanges.guard import OnAlarm
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.core.risk.review import review
from tradepool.domain.ids import AccountId, client_order_id
from tradepool.domain.order import ApprovedOrder
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.door import TcpPort
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

# Real milliseconds: a true answer comes within them on a slowed machine too; one that never comes is waited for so long.
TIMEOUT_MS = 1_000
HUNG_S = 30.0


@dataclass(frozen=True)
class Say:
    """Answer a request with this, whatever was asked. `kind`: `answer`, `reset`, `hang`, `cut` (a body too short), or
    `hold`: let `Fault.release` be set before it is carried out and answered as it should."""

    status: int = 200
    body: str = ""
    kind: str = "answer"
    content_type: str = "application/json"


def error(code: int, message: str, status: int = 400) -> Say:
    """A refusal as the venue words it."""
    return Say(status, f'{{"code":{code},"msg":"{message}"}}')


@dataclass
class Fault:
    """What happens to the next requests of a method and path, in order; `takes` says whether they are carried out."""

    method: str = "POST"
    path: str = "/api/v3/order"
    says: list[Say] = field(default_factory=list)
    takes: bool = False
    asked: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)


class BadWire(Server):
    """The simulated exchange behind a wire that breaks as told."""

    fault: Fault

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        fault = self.fault
        if (request.method, request.path) != (fault.method, fault.path):
            return await super()._answer(request)
        fault.asked += 1
        if not fault.says:
            return await super()._answer(request)
        say = fault.says.pop(0)
        if say.kind == "hold":
            await fault.release.wait()
            return await super()._answer(request)
        if fault.takes:
            await super()._answer(request)
        return await _say(request, say)


async def _say(request: web.BaseRequest, say: Say) -> web.Response:
    assert request.transport is not None
    if say.kind == "reset":
        request.transport.abort()
    elif say.kind == "hang":
        await asyncio.sleep(HUNG_S)
    elif say.kind == "cut":
        request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{")
        request.transport.close()
    return web.Response(status=say.status, text=say.body, content_type=say.content_type)


@dataclass
class Desk:
    """A gateway at work."""

    venue: Venue
    server: BadWire
    feed: CcxtFeed
    gateway: CcxtGateway
    clock: VirtualClock
    session: Session


@asynccontextmanager
async def desk(
    files: TlsFiles, fault: Fault, on_alarm: OnAlarm = lambda error: None, secret: str = "secret"
) -> AsyncIterator[Desk]:
    """A gateway whose markets are loaded and whose key is known to work, before a wire that breaks from now on."""
    venue = small_venue(flat(30), secret=secret)
    server = BadWire(venue, TcpPort(), files.server_context())
    server.fault = Fault("NONE")
    place = await server.start()
    assert isinstance(place, TcpPort)
    session = Session(Transport(ca_file=files.ca_file, loopback_port=place.port), on_alarm=on_alarm)
    clock = VirtualClock(venue.now_ms)

    def on_time(time_ms: int) -> None:
        clock.advance_to(max(time_ms, clock.now_ms()))

    feed = CcxtFeed("binance", session, clock, on_time)
    markets = await feed.markets()
    account = AccountId("a" * 32)
    gateway = CcxtGateway(account, Credentials("key", secret), feed.client, markets, session, clock, on_time)
    await gateway.balances()
    server.fault = fault
    gateway._client.timeout = TIMEOUT_MS
    try:
        yield Desk(venue, server, feed, gateway, clock, session)
    finally:
        gateway._client.timeout = 10_000
        await gateway.close()
        await feed.close()
        await session.close()
        await server.stop()


def buy(number: int = 1, **changes: object) -> ApprovedOrder:
    """A market buy of a tenth of a bitcoin."""
    wish = request(client_order_id=client_order_id(1, number), quantity=MARKET.quantity(100), time_ms=START, **changes)
    verdict = review(wish, MARKET, held_steps=10_000, spendable_units=1)
    assert isinstance(verdict, ApprovedOrder), verdict
    return verdict


MARKET = small_venue(flat(2)).markets[0].market
