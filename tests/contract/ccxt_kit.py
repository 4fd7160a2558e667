"""The unmodified ccxt client at its production URLs, led to a simulated exchange on this machine."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.pro
from aiohttp.abc import AbstractResolver, ResolveResult

from tradepool.simexchange.door import LOOPBACK, TcpPort, UnixSocket
from tradepool.simexchange.scenario import CALM, Scenario
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

OPTIONS = {
    "fetchMarkets": {"types": ["spot"]},
    "fetchCurrencies": False,
    "fetchMargins": False,
    "warnOnFetchOpenOrdersWithoutSymbol": False,
}
SPINS_MAX = 100_000


class ToLoopback(AbstractResolver):
    """Sends every host to one port of this machine: no test can reach a real exchange."""

    def __init__(self, port: int) -> None:
        """The port everybody is sent to."""
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """This machine, whatever the host."""
        return [ResolveResult(hostname=host, host=LOOPBACK, port=self._port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing to close."""


class TlsUnixConnector(aiohttp.UnixConnector):
    """HTTPS and WSS over a Unix socket; aiohttp's own leaves TLS out."""

    def __init__(self, path: str, tls: ssl.SSLContext) -> None:
        """The socket, and what the server's certificate is checked with."""
        super().__init__(path, limit=0)
        self._tls = tls

    async def _create_connection(self, req: Any, *_: Any) -> Any:
        connection = await self._loop.create_unix_connection(
            self._factory, self._path, ssl=self._tls, server_hostname=req.url.host
        )
        return connection[1]


@dataclass
class Exchange:
    """A running simulated exchange and the session that leads to it."""

    venue: Venue
    server: Server
    session: aiohttp.ClientSession
    tls: ssl.SSLContext
    clients: list[Any] = field(default_factory=list)

    def client(self, key: str | None = "key", secret: str = "secret", **config: Any) -> Any:
        """A ccxt client; its only change is the clock it signs with, as a replay gives it."""
        keys = {"apiKey": key, "secret": secret} if key else {}
        basics = {"session": self.session, "ssl_context": self.tls, "enableRateLimit": False, "number": Decimal}
        client = ccxt.pro.binance({**basics, "options": OPTIONS, **keys, **config})
        client.milliseconds = lambda: self.venue.now_ms
        client.timeout_on_exit = 0
        self.clients.append(client)
        return client

    async def until(self, done: Callable[[], object]) -> None:
        """Let everybody run until something is true."""
        for _ in range(SPINS_MAX):
            if done():
                return
            await asyncio.sleep(0)
        raise AssertionError("it never became true")


@asynccontextmanager
async def exchange(
    venue: Venue, way: str, folder: Path, files: TlsFiles, scenario: Scenario = CALM
) -> AsyncIterator[Exchange]:
    """Serve a venue over `tcp-tls`, `unix-tls` or `unix-plain` and lead a session there; the scenario says what breaks."""
    tls = files.client_context()
    place = TcpPort() if way == "tcp-tls" else UnixSocket(str(folder / "venue.sock"))
    server = Server(venue, place, None if way == "unix-plain" else files.server_context(), scenario)
    at = await server.start()
    connector: aiohttp.BaseConnector
    if isinstance(at, TcpPort):
        connector = aiohttp.TCPConnector(ssl=tls, resolver=ToLoopback(at.port), limit=0)
    else:
        connector = TlsUnixConnector(at.path, tls) if way == "unix-tls" else aiohttp.UnixConnector(at.path, limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        running = Exchange(venue, server, session, tls)
        try:
            yield running
        finally:
            await asyncio.gather(*(client.close() for client in running.clients))
            await server.stop()
