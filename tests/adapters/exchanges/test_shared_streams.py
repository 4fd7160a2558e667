"""One connection for many accounts: what each costs, and a venue that is gone without a word."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

from tests.adapters.exchanges.pacing_kit import ANN
from tradepool.adapters.exchanges.clients import new_client
from tradepool.adapters.exchanges.pacing import Pacer
from tradepool.adapters.exchanges.rate_limits import BINANCE
from tradepool.adapters.exchanges.shared_streams import SUBSCRIBE, SharedStreams
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.domain.ids import AccountId
from tradepool.runtime.clock import VirtualClock
from tradepool.runtime.throttle import Throttle
from tradepool.simexchange.tls import TlsFiles

PING_MS = 200
NAMES = [AccountId(name) for name in "abc"]


class Wire:
    """A venue that says yes to whatever it is asked and nothing more; not even to pings, once it is `gone`. `asked` is what
    it was asked for, `ended` how each connection ended."""

    def __init__(self) -> None:
        self.gone = False
        self.asked: Counter[str] = Counter()
        self.ended: asyncio.Queue[int | None] = asyncio.Queue()

    async def answer(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        number = 0
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = message.json()
                self.asked[asked["method"]] += 1
                await socket.send_json({"id": asked["id"], "status": 200, "result": {"subscriptionId": number}})
                number += 1
            elif message.type is WSMsgType.PING and not self.gone:
                await socket.pong(message.data)
        self.ended.put_nowait(socket.close_code)
        return socket


@dataclass
class Crowd:
    """Accounts that share a connection, and what they were told of its end."""

    wire: Wire
    streams: SharedStreams
    broker: Throttle
    lost: asyncio.Queue[str]


@asynccontextmanager
async def three(files: TlsFiles) -> AsyncIterator[Crowd]:
    """Three accounts on one connection."""
    wire, app, clock = Wire(), web.Application(), VirtualClock(5_000)
    app.router.add_get("/ws-api/v3", wire.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=files.server_context())
    await site.start()
    port = runner.addresses[0][1]
    session = Session(Transport(ca_file=files.ca_file, loopback_port=port), accounts_per_stream=50)
    streams, broker = session.shared_streams, Throttle(BINANCE, clock)
    assert streams is not None
    client = new_client("binance", session, clock, PING_MS)
    pacer, lost = Pacer(client, broker, ANN), asyncio.Queue[str]()
    for name in NAMES:
        await streams.open(client, name, {}, lost.put_nowait, pacer.connect)
    yield Crowd(wire, streams, broker, lost)
    await client.close()
    await session.close()
    await runner.cleanup()


def test_who_shares_a_connection_pays_for_its_subscription_and_hears_of_a_silent_end(files: TlsFiles) -> None:
    """Three accounts: one connection (weight 2), three subscriptions (2 each); all are told when pings are not
    answered any more."""

    async def main() -> None:
        async with three(files) as crowd:
            used = {use.name: use.used for use in (await crowd.broker.snapshot()).uses}
            assert (used["weight a minute"], used["connections in 5 minutes"]) == (2 + 3 * 2, 1)
            await asyncio.sleep(3 * PING_MS / 1_000)
            assert crowd.lost.empty(), "who answers pings stays"
            crowd.wire.gone = True
            assert len([await asyncio.wait_for(crowd.lost.get(), 60) for _ in NAMES]) == 3
            assert crowd.streams.connections == 0

    asyncio.run(main())


def test_the_end_of_all_is_one_goodbye(files: TlsFiles) -> None:
    """Nothing is asked for that would be answered on a connection that is gone; who leaves afterwards has left."""

    async def main() -> None:
        async with three(files) as crowd:
            await crowd.streams.end()
            for name in NAMES:
                await crowd.streams.close(name)
            assert await asyncio.wait_for(crowd.wire.ended.get(), 60) == WSCloseCode.OK
            assert crowd.wire.asked == {SUBSCRIBE: 3}
            assert (crowd.streams.connections, crowd.lost.qsize(), crowd.wire.ended.qsize()) == (0, 0, 0)

    asyncio.run(main())
