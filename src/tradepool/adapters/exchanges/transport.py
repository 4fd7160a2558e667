"""How exchange clients reach their hosts: the internet, or a venue of our own at the same production URLs.

Every client of a venue shares one session, so connections, TLS context, allow-list and vault are shared too. With a
Unix socket or a loopback port every host name leads there and nowhere else: no request can reach a real exchange.
"""

from __future__ import annotations

import socket
import ssl
from asyncio import sslproto
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_exceptions import UnixClientConnectorError
from aiohttp.resolver import ThreadedResolver
from aiohttp.tracing import Trace

from tradepool.adapters.exchanges.guard import Guard, GuardedConnector, GuardedTcpConnector, ListedResolver, OnAlarm
from tradepool.adapters.exchanges.lines import Lines
from tradepool.adapters.exchanges.shared_streams import SharedStreams
from tradepool.adapters.exchanges.vault import Vault
from tradepool.adapters.exchanges.venue_time import VenueTime
from tradepool.adapters.exchanges.venues import BINANCE, Reach

TLS_BUFFER_BYTES = 4 * 1024
LOOPBACK = "127.0.0.1"
ANSWER_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """`ca_file` is the authority to trust instead of the machine's; at most one of the other two is set."""

    ca_file: Path | None = None
    unix_socket: Path | None = None
    loopback_port: int | None = None


class _ToLoopback(AbstractResolver):
    """Every name is this machine, at one port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=LOOPBACK, port=self._port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


class _UnixTlsConnector(GuardedConnector, aiohttp.UnixConnector):
    """HTTPS and WSS over a Unix socket: every host leads to one path, the certificate is still checked."""

    def __init__(self, path: str, tls: ssl.SSLContext) -> None:
        super().__init__(path, limit=0, keepalive_timeout=3600)
        self._tls = tls

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  aiohttp's own signature
    ) -> aiohttp.client_proto.ResponseHandler:
        try:
            _, protocol = await self._loop.create_unix_connection(
                self._factory, self._path, ssl=self._tls, server_hostname=req.url.host
            )
        except OSError as error:
            raise UnixClientConnectorError(self._path, req.connection_key, error) from error
        return protocol


class Session:
    """One shared HTTP session of a venue: its TLS context, `guard` (where requests may go), `vault` (keys), `time`, and
    the `lines` that its accounts' requests share."""

    def __init__(
        self,
        transport: Transport,
        traces: Sequence[aiohttp.TraceConfig] = (),
        reach: Reach = BINANCE.reach,
        on_alarm: OnAlarm = lambda error: None,
        accounts_per_stream: int = 0,
        answer_ms: int = ANSWER_MS,
    ) -> None:
        """Must be made inside a running loop; `traces` see every request (a replay counts those that are out), which is given
        up after `answer_ms` of the machine's time.

        `on_alarm` hears of requests off the list, before whoever asked does. `accounts_per_stream` accounts share one
        connection for their user streams; 0 gives each its own.
        """
        # asyncio reads each TLS connection through a buffer of its own, 256 KB unless told otherwise.
        sslproto.SSLProtocol.max_size = TLS_BUFFER_BYTES
        self.answer_ms = answer_ms
        self.tls = ssl.create_default_context(cafile=str(transport.ca_file) if transport.ca_file else None)
        self.guard = Guard(reach, self.tls, on_alarm)
        self.vault = Vault(reach)
        self.time = VenueTime()
        self.lines = Lines()
        self.http = aiohttp.ClientSession(
            connector=self._connector(transport),
            trace_configs=list(traces),
            middlewares=(self.vault.middleware(),),
            ws_response_class=self.vault.socket_class(),
            # One user's cookies are nothing for the next one.
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self.shared_streams = SharedStreams(self.http, accounts_per_stream) if accounts_per_stream else None

    def _connector(self, transport: Transport) -> GuardedConnector:
        connector: GuardedConnector
        if transport.unix_socket is not None:
            connector = _UnixTlsConnector(str(transport.unix_socket), self.tls)
        elif transport.loopback_port is not None:
            resolver = ListedResolver(self.guard, _ToLoopback(transport.loopback_port))
            connector = GuardedTcpConnector(ssl=self.tls, resolver=resolver, limit=0, use_dns_cache=False)
        else:
            resolver = ListedResolver(self.guard, ThreadedResolver())
            connector = GuardedTcpConnector(ssl=self.tls, resolver=resolver, limit=0)
        connector.guard = self.guard
        return connector

    async def close(self) -> None:
        """Close the shared connections."""
        await self.http.close()
