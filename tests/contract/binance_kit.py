"""The unmodified python-binance client at its production URLs, led to a simulated exchange on this machine.

Its REST calls take a connector with a resolver of ours; its streams open their sockets through the event loop, so the
loop leads them: every host is one port of this machine. No test can reach a real exchange.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import requests
from binance import AsyncClient, BinanceSocketManager, Client
from binance.ws.reconnecting_websocket import ReconnectingWebsocket
from requests.adapters import HTTPAdapter

from tests.contract.ccxt_kit import SPINS_MAX, ToLoopback
from tradepool.simexchange.door import LOOPBACK, TcpPort
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

T = TypeVar("T")

# How long its reader waits for a frame before it looks whether it should end: ten seconds, at each test's end.
ReconnectingWebsocket.TIMEOUT = 0.2


class LoopbackLoop(asyncio.SelectorEventLoop):
    """Opens every connection to a name at one port of this machine, trusting one authority."""

    port = 0
    tls: ssl.SSLContext | None = None

    async def create_connection(  # type: ignore[override]
        self, factory: Any, host: Any = None, port: Any = None, **how: Any
    ) -> Any:
        """As asyncio's; a socket that is connected already is left alone."""
        if host is None:
            return await super().create_connection(factory, **how)
        names = {**how, "server_hostname": how.get("server_hostname") or host, "ssl": self.tls}
        return await super().create_connection(factory, LOOPBACK, self.port, **names)


@dataclass
class Desk:
    """A running simulated exchange, python-binance's client of it, and its streams."""

    venue: Venue
    server: Server
    client: Any
    streams: Any

    def sync(self) -> None:
        """Set the client's clock by the venue's, which moves only when it is told to."""
        self.client.timestamp_offset = self.venue.clock_ms() - int(time.time() * 1000)

    async def until(self, done: Callable[[], object]) -> None:
        """Let everybody run until something is true."""
        for _ in range(SPINS_MAX):
            if done():
                return
            await asyncio.sleep(0)
        raise AssertionError("it never became true")


@asynccontextmanager
async def desk(venue: Venue, files: TlsFiles, key: str = "key", secret: str = "secret") -> AsyncIterator[Desk]:
    """Serve a venue and lead a client there."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LoopbackLoop)
    server = Server(venue, TcpPort(), files.server_context())
    at = await server.start()
    assert isinstance(at, TcpPort)
    loop.port, loop.tls = at.port, files.client_context()
    connector = aiohttp.TCPConnector(ssl=loop.tls, resolver=ToLoopback(at.port), limit=0)
    client = await AsyncClient.create(key, secret, session_params={"connector": connector})
    try:
        yield Desk(venue, server, client, BinanceSocketManager(client))
    finally:
        await client.close_connection()
        await server.stop()


class ToVenue(HTTPAdapter):
    """Sends a session's requests to one port of this machine, under the host's own name."""

    def __init__(self, host: str, port: int) -> None:
        """The host that is played, and where it listens."""
        self._host, self._place = host, f"https://{LOOPBACK}:{port}"
        super().__init__()

    def init_poolmanager(self, *sizes: Any, **more: Any) -> None:
        """Connections whose certificate must be the host's."""
        super().init_poolmanager(*sizes, **more, assert_hostname=self._host, server_hostname=self._host)

    def send(self, request: requests.PreparedRequest, *how: Any, **more: Any) -> requests.Response:
        """The same request, at our port."""
        assert request.url is not None
        request.url = request.url.replace(f"https://{self._host}", self._place)
        request.headers["Host"] = self._host
        return super().send(request, *how, **more)


def blocking_client(venue: Venue, port: int, files: TlsFiles) -> Any:
    """python-binance's synchronous client; it blocks, so call it in a thread."""
    client = Client("key", "secret", ping=False)
    client.session.trust_env = False
    client.session.verify = str(files.ca_file)
    client.session.mount("https://api.binance.com", ToVenue("api.binance.com", port))
    client.timestamp_offset = venue.clock_ms() - int(time.time() * 1000)
    return client


def run(story: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a story on such a loop."""
    with asyncio.Runner(loop_factory=LoopbackLoop) as runner:
        return runner.run(story())
