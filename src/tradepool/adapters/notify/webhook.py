"""A webhook, and the address of a watcher outside: one request to one host, over HTTPS, and nowhere else.

The address itself may be the secret (chat services put a token into it), so no message and no error repeats more of it
than the host.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.tracing import Trace
from yarl import URL

from tradepool.domain.errors import InvalidInput
from tradepool.ports.notifier import Message, NotDelivered
from tradepool.runtime import egress

TIMEOUT_S = 20.0
HERE = frozenset(("localhost", "127.0.0.1", "::1"))
OK = range(200, 300)


class NoSuchAddress(InvalidInput):
    """The address in {variable} is no https:// address; correct it (http:// is taken for this machine only)."""


class _Resolver(AbstractResolver):
    """Looks a name up in a thread that may do so: asyncio's own would not know whose question it is."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.to_thread(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        return [
            ResolveResult(hostname=host, host=str(at[0]), port=int(at[1]), family=kind, proto=proto, flags=0)
            for kind, _, proto, _, at in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


class _OneHost(aiohttp.TCPConnector):
    """Connects to one place only, out of the seal."""

    def __init__(self, place: URL, tls: ssl.SSLContext) -> None:
        super().__init__(ssl=tls, resolver=_Resolver(), force_close=True)
        self._place = place.origin()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  aiohttp's own signature
    ) -> aiohttp.connector.Connection:
        """A connection, if that is where it leads."""
        if req.url.origin() != self._place:
            raise NotDelivered(channel=f"the webhook of {self._place.host}", why="it led elsewhere")
        with egress.passing():
            return await super().connect(req, traces, timeout)


class Webhook:
    """Takes messages as JSON (`text` and `content` are what chat services read), and signs of life as a GET."""

    def __init__(self, address: str, variable: str, ca_file: Path | None = None) -> None:
        """`variable` is where the address came from, for errors; `ca_file` is trusted instead of the machine's. NoSuchAddress."""
        try:
            self._url = URL(address.strip())
        except ValueError as error:
            raise NoSuchAddress(variable=variable) from error
        if self._url.scheme != "https" and not (self._url.scheme == "http" and self._url.host in HERE):
            raise NoSuchAddress(variable=variable)
        if not self._url.host:
            raise NoSuchAddress(variable=variable)
        self._ca_file = ca_file

    async def send(self, message: Message) -> None:
        """Post it. NotDelivered."""
        text = f"{message.subject}\n{message.text}".strip()
        body: dict[str, str | int] = {"subject": message.subject, "text": text, "content": text}
        await self._ask("POST", body | {"time_ms": message.time_ms})

    async def beat(self) -> None:
        """Ask for the address. NotDelivered."""
        await self._ask("GET", None)

    async def _ask(self, method: str, body: dict[str, str | int] | None) -> None:
        limit = aiohttp.ClientTimeout(total=TIMEOUT_S)
        channel = f"the webhook of {self._url.host}"
        try:
            tls = ssl.create_default_context(cafile=str(self._ca_file) if self._ca_file else None)
            async with (
                aiohttp.ClientSession(connector=_OneHost(self._url, tls), timeout=limit) as session,
                session.request(method, self._url, json=body, allow_redirects=False) as answer,
            ):
                if answer.status not in OK:
                    raise NotDelivered(channel=channel, why=f"it answered {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The text of such an error may hold the whole address.
            raise NotDelivered(channel=channel, why=type(error).__name__) from None
