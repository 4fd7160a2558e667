"""The last look at a request before it leaves: an allow-list beneath ccxt, at the connector every request passes.

A redirect, a WebSocket's handshake and a retry come by here as well. What is not on the list is not connected to, raises
an alarm, and is raised to whoever asked.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.tracing import Trace

from tradepool.adapters.exchanges.venues import Reach
from tradepool.domain.errors import TradepoolError
from tradepool.runtime import egress, telemetry

log = telemetry.logger(__name__)

OnAlarm = Callable[[TradepoolError], None]
# What a request to a certified venue carries; a header may mean another method, path or length to whoever reads it there.
HEADERS = frozenset(
    (
        *("host", "accept", "accept-encoding", "user-agent", "connection", "content-type", "content-length"),
        *(
            "x-mbx-apikey",
            "upgrade",
            "origin",
            "sec-websocket-version",
            "sec-websocket-key",
            "sec-websocket-extensions",
        ),
    )
)
_LONG_RUN = re.compile(r"[A-Za-z0-9+/=_-]{16,}")


class OffTheList(TradepoolError):
    """A request of {venue}'s client to {where} was stopped: it is not on the allow-list ({why}); accounts there are stopped, check the installed packages against their lock."""


class Guard:
    """Decides for one venue; `on_alarm` hears of every request that was stopped."""

    def __init__(self, reach: Reach, tls: ssl.SSLContext, on_alarm: OnAlarm) -> None:
        """`tls` is the only context that may check certificates."""
        self.reach = reach
        self._tls = tls
        self._on_alarm = on_alarm

    def check(self, request: aiohttp.ClientRequest) -> None:
        """Raise OffTheList unless a request may leave."""
        why = self._why_not(request)
        if why:
            self.refuse(f"{request.method} {request.url.scheme}://{request.url.host}{request.url.raw_path}", why)

    def refuse(self, where: str, why: str) -> None:
        """Raise the alarm, and OffTheList. What looks like a key is masked: it may have been put into an address."""
        error = OffTheList(venue=self.reach.venue, where=_LONG_RUN.sub(telemetry.MASK, where)[:120], why=why)
        log.critical("a request off the allow-list was stopped", venue=self.reach.venue, error=str(error))
        self._on_alarm(error)
        raise error

    def _why_not(self, request: aiohttp.ClientRequest) -> str:
        if not self.reach.allows(request.method, request.url):
            return "host, method or path"
        if request.headers.get("Host", "").partition(":")[0] != request.url.raw_host:
            return "it names another host"
        if request.proxy is not None:
            return "it goes through a proxy"
        if request.ssl not in (True, self._tls) or request.server_hostname is not None:
            return "its certificate is not checked"
        if self.reach.routes and not {name.lower() for name in request.headers} <= HEADERS:
            return "a header"
        size = request.body.size if isinstance(request.body, aiohttp.Payload) else len(request.body)
        if "Transfer-Encoding" in request.headers or request.headers.get("Content-Length", "0") != str(size):
            return "its length is not its body's"
        return ""


class ListedResolver(AbstractResolver):
    """Looks up only names on the list."""

    def __init__(self, guard: Guard, inner: AbstractResolver) -> None:
        """`inner` looks them up."""
        self._guard = guard
        self._inner = inner

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        """The addresses of a name."""
        if host not in self._guard.reach.names:
            self._guard.refuse(f"a look-up of {host}", "host")
        return await self._inner.resolve(host, port, family)  # type: ignore[arg-type]

    async def close(self) -> None:
        """Close the inner one."""
        await self._inner.close()


class GuardedConnector(aiohttp.BaseConnector):
    """Checks each request, then connects it; beneath a connector that knows how. `guard` is set by who makes it."""

    guard: Guard

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  aiohttp's own signature
    ) -> aiohttp.connector.Connection:
        """A connection for a request that may leave."""
        self.guard.check(req)
        with egress.passing():
            return await super().connect(req, traces, timeout)


class GuardedTcpConnector(GuardedConnector, aiohttp.TCPConnector):
    """To hosts on the list, over TLS."""
