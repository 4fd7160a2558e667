"""A process that can be spoken to: one line of JSON in, one line out, over a Unix socket that only its owner may open.

Whoever asks waits for so long and no longer: a process that hangs, or is gone, answers None.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.runtime import telemetry

WHY = "why_not"
LINE_BYTES_MAX = 16 * 1024 * 1024
# What the kernel takes as a socket's path.
PATH_BYTES_MAX = 107

Handler = Callable[[Mapping[str, str]], Awaitable[str]]

log = telemetry.logger(__name__)


class PathTooLong(InvalidInput):
    """The path {path} is too long for a socket ({most} bytes at most); use a folder with a shorter path."""


class NotDone(TradepoolError):
    """The trading process answers that it can't: {why}"""


class CommandSocket:
    """Answers asks one after the other; each is a JSON object of texts, each answer one line of text, or why there is none:
    whoever asks must not take an error for a process that hangs."""

    def __init__(self, path: Path, handler: Handler) -> None:
        """Nothing is opened before `start`. PathTooLong."""
        if len(os.fsencode(path)) > PATH_BYTES_MAX:
            raise PathTooLong(path=path, most=PATH_BYTES_MAX)
        self._path, self._handler = path, handler
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; what an earlier process left behind is replaced."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._converse, self._path)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            [answer] = await asyncio.gather(self._answer(line), return_exceptions=True)
            if isinstance(answer, BaseException):
                log.warning("a command could not be answered", error=str(answer), kind=type(answer).__name__)
                words = str(answer) if isinstance(answer, TradepoolError) else f"{type(answer).__name__}: {answer}"
                answer = json.dumps({WHY: words})
            writer.write(answer.encode() + b"\n")
            await writer.drain()
        except OSError as error:
            log.warning("a command could not be answered", error=str(error))
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> str:
        return await self._handler(json.loads(line))


def ask(path: Path, asked: Mapping[str, str], timeout_s: float) -> str | None:
    """The answer of the process that listens there; None when there is none in time. NotDone, when it says why it can't."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_s)
        try:
            line.connect(str(path))
            line.sendall(json.dumps(dict(asked)).encode() + b"\n")
            with line.makefile("rb") as answers:
                answer = answers.readline(LINE_BYTES_MAX)
        except OSError:
            return None
    if not answer.endswith(b"\n"):
        return None
    text = answer.decode().rstrip("\n")
    if text.startswith(f'{{"{WHY}":'):
        raise NotDone(why=json.loads(text)[WHY])
    return text
