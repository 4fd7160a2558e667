"""How exchange clients reach their hosts: the internet, or a venue of our own at the same production URLs.

Every client of a deployment shares one session, so connections, TLS context and the gate are shared too. With a
Unix socket or a loopback port every host name leads there and nowhere else: no request can reach a real exchange.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_exceptions import UnixClientConnectorError
from aiohttp.tracing import Trace

LOOPBACK = "127.0.0.1"


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


class _UnixTlsConnector(aiohttp.UnixConnector):
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
    """One shared HTTP session and its TLS context."""

    def __init__(self, transport: Transport, traces: Sequence[aiohttp.TraceConfig] = ()) -> None:
        """Must be made inside a running loop; `traces` see every request (a replay counts those that are out)."""
        self.tls = ssl.create_default_context(cafile=str(transport.ca_file) if transport.ca_file else None)
        self.http = aiohttp.ClientSession(connector=self._connector(transport), trace_configs=list(traces))

    def _connector(self, transport: Transport) -> aiohttp.BaseConnector:
        if transport.unix_socket is not None:
            return _UnixTlsConnector(str(transport.unix_socket), self.tls)
        if transport.loopback_port is not None:
            resolver = _ToLoopback(transport.loopback_port)
            return aiohttp.TCPConnector(ssl=self.tls, resolver=resolver, limit=0, use_dns_cache=False)
        return aiohttp.TCPConnector(ssl=self.tls, limit=0)

    async def close(self) -> None:
        """Close the shared connections."""
        await self.http.close()
