"""Where a server listens: a Unix socket or a port of the loopback interface, and what goes wrong there by name."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from tradepool.simexchange.errors import CannotListen, PortInUse

LOOPBACK = "127.0.0.1"
SHUTDOWN_TIMEOUT_S = 1.0

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A socket in the file system; its path may have about 100 characters."""

    path: str

    def __str__(self) -> str:
        """As people write it."""
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpPort:
    """A port of the loopback interface; 0 lets the system choose one."""

    port: int = 0

    def __str__(self) -> str:
        """As people write it."""
        return f"{LOOPBACK}:{self.port}"


Place = UnixSocket | TcpPort


class Door:
    """An HTTP server at one place: every request goes to one handler."""

    def __init__(self, handler: Handler, place: Place, tls: ssl.SSLContext | None = None) -> None:
        """Nothing is opened before `open`."""
        self._handler, self._tls = handler, tls
        self.place = place
        self._web: web.Server | None = None
        self._listener: asyncio.Server | None = None

    async def open(self) -> Place:
        """Listen; answers with the place, its port filled in. PortInUse, or CannotListen with the reason."""
        self._web = web.Server(self._handler, access_log=None)
        return await self.reopen()

    async def reopen(self) -> Place:
        """Listen again after `shut`, at the same place. PortInUse, CannotListen."""
        assert self._web is not None, "opened before"
        loop = asyncio.get_running_loop()
        try:
            if isinstance(self.place, UnixSocket):
                _clear_stale(self.place)
                self._listener = await loop.create_unix_server(self._web, self.place.path, ssl=self._tls)
            else:
                self._listener = await loop.create_server(self._web, LOOPBACK, self.place.port, ssl=self._tls)
                self.place = TcpPort(self._listener.sockets[0].getsockname()[1])
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(where=self.place) from error
            raise CannotListen(where=self.place, why=error.strerror or error) from error
        return self.place

    @property
    def connections(self) -> int:
        """How many connections stand now."""
        return len(self._web.connections) if self._web is not None else 0

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._listener is not None

    def shut(self) -> None:
        """Refuse every new connection and reset those that stand; `reopen` ends it. The socket file goes too."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            _remove(self.place)
        for connection in self._web.connections if self._web is not None else ():
            if connection.transport is not None:
                connection.transport.abort()

    async def close(self) -> None:
        """Listen no more and end every connection; the socket file goes too."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            _remove(self.place)
        if self._web is not None:
            # Wakes idle kept-alive connections, which shutdown alone would wait for.
            self._web.pre_shutdown()
            await self._web.shutdown(SHUTDOWN_TIMEOUT_S)
            self._web = None


def _remove(place: Place) -> None:
    if isinstance(place, UnixSocket):
        Path(place.path).unlink(missing_ok=True)


def _clear_stale(place: UnixSocket) -> None:
    """Remove a socket file nobody listens on. asyncio would take a living server's path away without a word."""
    path = Path(place.path)
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise CannotListen(where=place, why="a file of another kind is there")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(place.path)
        except ConnectionRefusedError:
            path.unlink()
            return
    raise PortInUse(where=place)
