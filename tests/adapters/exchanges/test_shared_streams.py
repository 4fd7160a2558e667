"""One connection for many accounts: what each costs, and a venue that is gone without a word."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import WSMsgType, web

from tests.adapters.exchanges.pacing_kit import ANN
from tradepool.adapters.exchanges.clients import new_client
from tradepool.adapters.exchanges.pacing import Pacer
from tradepool.adapters.exchanges.rate_limits import BINANCE
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.domain.ids import AccountId
from tradepool.runtime.clock import VirtualClock
from tradepool.runtime.throttle import Throttle
from tradepool.simexchange.tls import TlsFiles, make_tls_files

PING_MS = 200


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """An authority of our own."""
    return make_tls_files(tmp_path_factory.mktemp("tls"))


class Wire:
    """A venue that says yes to each subscription and nothing more; not even to pings, once it is `gone`."""

    gone = False

    async def answer(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        number = 0
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                yes = {"id": message.json()["id"], "status": 200, "result": {"subscriptionId": number}}
                await socket.send_json(yes)
                number += 1
            elif message.type is WSMsgType.PING and not self.gone:
                await socket.pong(message.data)
        return socket


def test_who_shares_a_connection_pays_for_its_subscription_and_hears_of_a_silent_end(files: TlsFiles) -> None:
    """Three accounts: one connection (weight 2), three subscriptions (2 each); all are told when pings are not
    answered any more."""

    async def main() -> None:
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
        for name in "abc":
            await streams.open(client, AccountId(name), {}, lost.put_nowait, pacer.connect)
        used = {use.name: use.used for use in (await broker.snapshot()).uses}
        assert (used["weight a minute"], used["connections in 5 minutes"]) == (2 + 3 * 2, 1)
        await asyncio.sleep(3 * PING_MS / 1_000)
        assert lost.empty(), "who answers pings stays"
        wire.gone = True
        assert len([await asyncio.wait_for(lost.get(), 10) for _ in range(3)]) == 3
        assert streams.connections == 0
        await client.close()
        await session.close()
        await runner.cleanup()

    asyncio.run(main())
