"""A ping frame on every WebSocket every 20 s, as the real venue sends them; a client answers each with a pong.

Only where time passes by itself: where a caller moves the clock, frames are told by its steps alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from tradepool.ports.clock import Clock
from tradepool.runtime.clock import VirtualClock

PING_S = 20.0
PING_FRAME = b"\x89\x00"


class Pinged(Protocol):
    """A connection that can be sent a frame."""

    def send(self, data: bytes) -> None:
        """Send it, or do nothing if the connection ends."""
        ...


class Pings:
    """Sends them; what of a client that never answers is left alone (the real venue ends it after a minute)."""

    def __init__(self, clock: Clock, links: Callable[[], Iterable[Pinged]]) -> None:
        """Whose connections, and whose 20 s; nothing is sent before `begin`."""
        self._clock, self._links = clock, links
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start to send, unless somebody moves the clock by hand."""
        if not isinstance(self._clock, VirtualClock):
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Send no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(PING_S)
            for link in self._links():
                link.send(PING_FRAME)
