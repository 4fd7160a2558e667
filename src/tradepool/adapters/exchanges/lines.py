"""So many requests to a venue are out at once, the most urgent first, and some lines are for what reduces risk alone.

When a thousand accounts order at a candle, each would else open a connection of its own, which takes longer than the order;
and the stop of whoever is filled first would find the loop busy with everybody's entries. A request that is out for longer
than PATIENCE_S counts no more: what hangs holds up nobody for long, and entries that hang hold up no stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count

from tradepool.ports.weights import Priority

AT_ONCE, FOR_EXITS, PATIENCE_S = 256, 64, 1.0


class Lines:
    """The requests of all accounts of one session: `at_once`, and of those that reduce risk `for_exits` more.

    >>> async def order_of(lines: Lines) -> list[str]:
    ...     left: list[str] = []
    ...     async def send(name: str, priority: Priority) -> None:
    ...         async with lines.one(priority):
    ...             left.append(name)
    ...             await asyncio.sleep(0)
    ...     await asyncio.gather(send("a", Priority.ENTRY), send("b", Priority.ENTRY), send("stop", Priority.EXIT))
    ...     return left
    >>> asyncio.run(order_of(Lines(at_once=1, for_exits=0)))
    ['a', 'stop', 'b']
    """

    def __init__(self, at_once: int = AT_ONCE, for_exits: int = FOR_EXITS, patience_s: float = PATIENCE_S) -> None:
        """Nobody is out."""
        self._free, self._for_exits, self._patience_s, self._came = at_once, for_exits, patience_s, count()
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def one(self, priority: Priority) -> AsyncIterator[None]:
        """Wait for a line, and have it until the answer is here or patience ends."""
        if self._has_room(priority):
            self._free -= 1
        else:
            await self._turn(priority)
        has = True

        def end() -> None:
            nonlocal has
            if has:
                has = False
                self._next()

        patience = asyncio.get_running_loop().call_later(self._patience_s, end)
        try:
            yield
        finally:
            patience.cancel()
            end()

    def _has_room(self, priority: Priority) -> bool:
        return self._free > (-self._for_exits if priority is Priority.EXIT else 0)

    async def _turn(self, priority: Priority) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (priority, next(self._came), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._next()
            raise

    def _next(self) -> None:
        """A line is free: whose turn is it?"""
        self._free += 1
        while self._waiting and self._has_room(self._waiting[0][0]):
            turn = heappop(self._waiting)[2]
            if not turn.done():
                self._free -= 1
                turn.set_result(None)
