"""The two clocks: the machine's, and one that whoever drives a replay moves by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time

from tradepool.domain.errors import InvalidInput

MS_PER_S = 1000
NS_PER_MS = 1_000_000


class TimeRunsBackwards(InvalidInput):
    """The virtual clock stands at {now_ms} ms and cannot go back to {wanted_ms} ms; advance it only forward."""


class RealClock:
    """The machine's time, held still when the machine sets it back.

    >>> clock = RealClock()
    >>> clock.now_ms() <= clock.now_ms()
    True
    """

    def __init__(self) -> None:
        """Start at the machine's time."""
        self._latest_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC; a step back of the machine's clock is waited out, never shown."""
        self._latest_ms = max(self._latest_ms, time.time_ns() // NS_PER_MS)
        return self._latest_ms

    async def sleep(self, seconds: float) -> None:
        """Wait on the machine's monotonic clock."""
        await asyncio.sleep(seconds)


class VirtualClock:
    """A time that moves only when `advance_to` is called; sleepers wake in the order of their time, then of asking.

    >>> clock = VirtualClock(1_000)
    >>> async def nap() -> int:
    ...     sleeper = asyncio.create_task(clock.sleep(2))
    ...     await asyncio.sleep(0)
    ...     waiting_for = clock.next_wake_ms()
    ...     clock.advance_to(3_000)
    ...     await sleeper
    ...     return waiting_for
    >>> asyncio.run(nap()), clock.now_ms()
    (3000, 3000)
    """

    def __init__(self, now_ms: int = 0) -> None:
        """Stand at `now_ms` (milliseconds since 1970 UTC)."""
        self._now_ms = now_ms
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now_ms(self) -> int:
        """The virtual time in milliseconds since 1970 UTC."""
        return self._now_ms

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved so far; zero or less only lets others run."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        # Rounded up: a sleeper may wake late by a part of a millisecond, never early.
        wake_ms = self._now_ms - int(-seconds * MS_PER_S // 1)
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (wake_ms, next(self._order), woken))
        await woken

    def next_wake_ms(self) -> int | None:
        """When the first sleeper wants to wake, None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def advance_to(self, now_ms: int) -> None:
        """Move the time forward and wake whoever is due; TimeRunsBackwards when it lies before now."""
        if now_ms < self._now_ms:
            raise TimeRunsBackwards(now_ms=self._now_ms, wanted_ms=now_ms)
        self._now_ms = now_ms
        while self._sleepers and self._sleepers[0][0] <= now_ms:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
