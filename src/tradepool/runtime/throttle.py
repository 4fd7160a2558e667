"""The weight broker of one process: who may send now goes at once, the others wait in the order of their priority.

Inside a priority the first to come is the first to go; only who waits for a limit of its own key is passed by, by that
key's cancels too, and who wants to connect stands in a line of its own. Nobody polls: one timer sleeps until the first waiter may try again. All is
decided by the injected clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from tradepool.ports.clock import Clock
from tradepool.ports.weights import Answer, Cost, Grant, Limit, Priority, Snapshot, Waits
from tradepool.runtime import telemetry
from tradepool.runtime.budget import Budget, Charge, Refusal

BUCKETS = 24

log = telemetry.logger(__name__)


class WaitCount:
    """Counts the waits of each priority in powers of two of a millisecond."""

    def __init__(self) -> None:
        """Nobody has come yet."""
        self._buckets = [[0] * BUCKETS for _ in Priority]

    def add(self, priority: Priority, waited_ms: int) -> None:
        """One request was let through after so long."""
        self._buckets[priority][min(waited_ms.bit_length(), BUCKETS - 1)] += 1

    def waits(self, waiting: Sequence[int]) -> list[Waits]:
        """How each priority fared, with the number that waits now."""
        return [
            Waits(priority=p, granted=sum(self._buckets[p]), waiting=waiting[p], buckets=tuple(self._buckets[p]))
            for p in Priority
        ]


class _Waiter:
    """Somebody who waits."""

    __slots__ = ("cost", "future", "since_ms")

    def __init__(self, cost: Cost, since_ms: int) -> None:
        self.cost = cost
        self.since_ms = since_ms
        self.future: asyncio.Future[Charge] = asyncio.get_running_loop().create_future()


class Throttle:
    """A `WeightBroker` in memory.

    >>> from tradepool.ports.weights import Measure
    >>> from tradepool.runtime.clock import VirtualClock
    >>> clock = VirtualClock(10_000)
    >>> limit = Limit(name="weight", measure=Measure.WEIGHT, amount=30, length_ms=60_000)
    >>> async def two_reads() -> list[int]:
    ...     broker = Throttle([limit], clock)
    ...     first = await broker.acquire(Cost(weight=20), Priority.READ)
    ...     second = asyncio.create_task(broker.acquire(Cost(weight=20), Priority.READ))
    ...     broker.answered(first, None)
    ...     await asyncio.sleep(0.001)
    ...     clock.advance_to(clock.next_wake_ms())
    ...     return [first.waited_ms, (await second).waited_ms]
    >>> asyncio.run(two_reads())
    [0, 51000]
    """

    def __init__(self, limits: Sequence[Limit], clock: Clock) -> None:
        """The venue's limits, and the clock they are kept by."""
        self._budget = Budget(limits)
        self._clock = clock
        self._lines = {(p, connects): deque[_Waiter]() for p in Priority for connects in (False, True)}
        self._timer: asyncio.Task[None] | None = None
        self._wake_ms = 0
        self._count = WaitCount()

    async def acquire(self, cost: Cost, priority: Priority) -> Grant:
        """Wait for room. Cancelling the wait costs nothing. NeverFits when no window could hold it."""
        self._budget.check(cost, priority)
        now_ms = self._clock.now_ms()
        line = self._lines[priority, cost.connections > 0]
        if not line:
            found = self._budget.spend(now_ms, cost, priority)
            if isinstance(found, Charge):
                self._count.add(priority, 0)
                return found
            self._wake_at(found.retry_ms)
        waiter = _Waiter(cost, now_ms)
        line.append(waiter)
        # Those before it may wait for a limit of their own key only.
        self._serve()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.future.done() and not waiter.future.cancelled():
                self._budget.refund(waiter.future.result())
            waiter.future.cancel()
            self._serve()
            raise

    def answered(self, grant: Grant, answer: Answer | None) -> None:
        """The request came back; what the venue said about its limits holds from now on."""
        assert isinstance(grant, Charge)
        if self._budget.answered(self._clock.now_ms(), grant, answer):
            wait_ms = self._budget.closed_until_ms - self._clock.now_ms()
            log.warning("the venue wants silence", status=answer and answer.status, seconds=wait_ms // 1_000)
        if any(self._lines.values()):
            self._serve()

    def refund(self, grant: Grant) -> None:
        """The request was never sent."""
        assert isinstance(grant, Charge)
        self._budget.refund(grant)
        self._serve()

    async def snapshot(self) -> Snapshot:
        """Use and waits now."""
        now_ms = self._clock.now_ms()
        waiting = [0] * len(Priority)
        for (priority, _), line in self._lines.items():
            waiting[priority] += sum(not waiter.future.done() for waiter in line)
        return Snapshot(
            now_ms=now_ms,
            uses=self._budget.uses(now_ms),
            waits=self._count.waits(waiting),
            closed_until_ms=self._budget.closed_until_ms,
        )

    def _serve(self) -> None:
        """Let go whoever may, the most urgent first, and sleep until the next one may."""
        now_ms = self._clock.now_ms()
        found = (self._serve_line(line, priority, now_ms) for (priority, _), line in self._lines.items())
        retries = [retry_ms for retry_ms in found if retry_ms is not None]
        if retries:
            self._wake_at(min(retries))

    def _serve_line(self, line: deque[_Waiter], priority: Priority, now_ms: int) -> int | None:
        """When the first that still waits may try again."""
        passed, retry_ms, keys = deque[_Waiter](), list[int](), set[str]()
        while line:
            waiter = line.popleft()
            if waiter.future.done():
                continue
            if waiter.cost.orders and waiter.cost.key in keys:
                passed.append(waiter)
                continue
            found = self._budget.spend(now_ms, waiter.cost, priority)
            if isinstance(found, Refusal):
                retry_ms.append(found.retry_ms)
                passed.append(waiter)
                if not found.key:
                    break
                keys.add(found.key)
                continue
            found.waited_ms = now_ms - waiter.since_ms
            self._count.add(priority, found.waited_ms)
            waiter.future.set_result(found)
        line.extendleft(reversed(passed))
        return min(retry_ms, default=None)

    def _wake_at(self, wake_ms: int) -> None:
        """One timer, for the first who may try again."""
        if self._timer is not None:
            if self._wake_ms <= wake_ms:
                return
            self._timer.cancel()
        self._wake_ms = wake_ms
        self._timer = asyncio.create_task(self._later(wake_ms), name="weight broker")

    async def _later(self, wake_ms: int) -> None:
        await self._clock.sleep((wake_ms - self._clock.now_ms()) / 1_000)
        self._timer = None
        self._serve()
