"""The weight broker of several processes on one machine: one budget, kept by a Valkey server they all reach.

The server decides in one step and by its own clock, so that no two processes can spend the same weight. Losing it stops
nobody for long: each process goes on with its own share of the limits until the server is back, and says so. What the
others had used of the windows then running it can't know, so only exits go until those are over, as far as its share
reaches beyond what the server had granted it. When the server is back it is told what went without it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import valkey.asyncio
import valkey.exceptions

from tradepool.adapters.valkey.scripts import ANSWERED, OWED, REFUND, SPEND
from tradepool.ports.clock import Clock
from tradepool.ports.weights import Answer, Cost, Grant, Limit, Priority, Snapshot, Use, Waits
from tradepool.runtime import egress, telemetry
from tradepool.runtime.budget import Budget, Charge, header_count, silence_s
from tradepool.runtime.throttle import BUCKETS, WaitCount

TIMEOUT_S = 0.5
BACK_AFTER_MS = 5_000
# Out of memory, out of disk, read-only, loading: a server that can't count is as good as none.
GONE = valkey.exceptions.ValkeyError

log = telemetry.logger(__name__)


@dataclass(slots=True)
class SharedGrant(Grant):
    """A grant of the server, by its clock, and what it is charged here in case the server is lost."""

    charge: Charge = field(kw_only=True)
    sent_ms: int = field(kw_only=True)


class _Connection(valkey.asyncio.UnixDomainSocketConnection):  # type: ignore[misc]
    """To our own server's socket: where a sealed process may go too."""

    async def _connect(self) -> None:
        with egress.passing():
            await super()._connect()


class SharedThrottle:
    """A `WeightBroker` over Valkey."""

    def __init__(
        self, limits: Sequence[Limit], clock: Clock, socket: Path, address: str = "default", processes_max: int = 4
    ) -> None:
        """`address` names the venue and the egress address whose budget this is; without the server each of at most
        `processes_max` processes takes its part of every limit."""
        self._limits = tuple(limits)
        self._clock = clock
        self._name = f"weights:{address}"
        pool = valkey.asyncio.ConnectionPool(
            _Connection, path=str(socket), socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
        self._client: Any = valkey.asyncio.Valkey.from_pool(pool)
        self._spend = self._client.register_script(SPEND)
        self._hear = self._client.register_script(ANSWERED)
        self._give_back = self._client.register_script(REFUND)
        self._tell_owed = self._client.register_script(OWED)
        self._whole = Budget(limits)
        # Beside the server's: what it grants us is charged here as well.
        self._alone = Budget([_part(limit, processes_max) for limit in limits])
        self._alone_until_ms = self._exits_only_until_ms = 0
        self._was_alone = False
        self._owed: deque[tuple[int, Cost, Priority]] = deque()
        self._owing = asyncio.Lock()
        self._count = WaitCount()
        self._lines: dict[tuple[Priority, bool, str], asyncio.Lock] = {}
        self._waiting = [0] * len(Priority)
        self._tasks: set[asyncio.Task[None]] = set()

    async def acquire(self, cost: Cost, priority: Priority) -> Grant:
        """Wait for room. Cancelling the wait costs nothing. NeverFits when no window could hold it.

        First come, first served holds within a process; between processes the priorities do.
        """
        self._whole.check(cost, priority)
        since_ms = self._clock.now_ms()
        line = (priority, cost.connections > 0, cost.key if cost.orders or cost.histories else "")
        self._waiting[priority] += 1
        try:
            async with self._lines.setdefault(line, asyncio.Lock()):
                while True:
                    found = await self._ask(cost, priority, self._clock.now_ms() - since_ms)
                    if isinstance(found, Grant):
                        found.waited_ms = self._clock.now_ms() - since_ms
                        self._count.add(priority, found.waited_ms)
                        return found
                    await self._clock.sleep(found / 1_000)
        finally:
            self._waiting[priority] -= 1

    def answered(self, grant: Grant, answer: Answer | None) -> None:
        """The request came back; the server is told beside it."""
        charge = grant.charge if isinstance(grant, SharedGrant) else grant
        assert isinstance(charge, Charge)
        if self._alone.answered(self._clock.now_ms(), charge, answer) and answer:
            log.warning("the venue wants silence", status=answer.status, seconds=silence_s(answer))
        if isinstance(grant, SharedGrant):
            self._beside(self._told(grant, answer))

    def refund(self, grant: Grant) -> None:
        """The request was never sent; the server is told beside it."""
        charge = grant.charge if isinstance(grant, SharedGrant) else grant
        assert isinstance(charge, Charge)
        self._alone.refund(charge)
        if isinstance(grant, SharedGrant):
            self._refund(grant.sent_ms, grant.cost, grant.priority)

    async def snapshot(self) -> Snapshot:
        """Use of all processes and their waits; of this process alone while the server is gone."""
        try:
            seconds, micros = await self._client.time()
            now_ms = seconds * 1_000 + micros // 1_000
            uses = [await self._use(n, limit, now_ms) for n, limit in enumerate(self._limits)]
            closed = await self._client.get(f"{self._name}:closed")
            return Snapshot(
                now_ms=now_ms,
                uses=uses,
                waits=[await self._waits(priority) for priority in Priority],
                closed_until_ms=int(closed or 0),
            )
        except GONE:
            now_ms = self._clock.now_ms()
            return Snapshot(
                now_ms=now_ms,
                uses=self._alone.uses(now_ms),
                waits=self._count.waits(self._waiting),
                closed_until_ms=self._alone.closed_until_ms,
            )

    async def answers(self) -> bool:
        """Whether the server is there."""
        try:
            return bool(await self._client.ping())
        except GONE:
            return False

    async def close(self) -> None:
        """Leave; what was still to be told is told first."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._client.aclose()

    # ---- the server

    async def _ask(self, cost: Cost, priority: Priority, waited_ms: int) -> Grant | int:
        """A grant, or the milliseconds until it is worth asking again."""
        if self._clock.now_ms() < self._alone_until_ms:
            return self._spend_alone(cost, priority)
        asking = asyncio.ensure_future(self._asked(cost, priority, waited_ms))
        try:
            granted, retry_ms, _, now_ms = await asyncio.shield(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(lambda done: self._unasked(done, cost, priority))
            raise
        except GONE as error:
            self._go_alone(error)
            return self._spend_alone(cost, priority)
        if self._was_alone:
            self._was_alone = False
            log.warning("one budget for all processes again")
        if not granted:
            return max(1, retry_ms - now_ms)
        charge = self._alone.charge(self._clock.now_ms(), cost, priority)
        return SharedGrant(cost, priority, charge=charge, sent_ms=now_ms)

    def _spend_alone(self, cost: Cost, priority: Priority) -> Charge | int:
        """A grant of our own share, or the milliseconds until it is worth asking again, here or at the server."""
        now_ms, retry_ms = self._clock.now_ms(), self._exits_only_until_ms
        if priority is Priority.EXIT or now_ms >= retry_ms:
            found = self._alone.spend(now_ms, cost, priority)
            if isinstance(found, Charge):
                self._owe(now_ms, cost, priority)
                return found
            retry_ms = found.retry_ms
        return max(1, min(retry_ms, self._alone_until_ms) - now_ms)

    def _owe(self, now_ms: int, cost: Cost, priority: Priority) -> None:
        """Remember what went without the server, as long as it is in a window; of keys' windows the venue tells."""
        self._owed.append((now_ms, cost, priority))
        oldest_ms = now_ms - max((x.length_ms for x in self._limits if not x.per_key), default=0)
        while self._owed[0][0] < oldest_ms:
            self._owed.popleft()

    async def _asked(self, cost: Cost, priority: Priority, waited_ms: int) -> list[int]:
        async with self._owing:
            await self._pay()
        words: list[object] = ["", int(priority), min(max(0, waited_ms).bit_length(), BUCKETS - 1)]
        words += spend_words(self._name, self._limits, cost)
        return [int(number) for number in await self._spend(keys=[self._name], args=words)]

    async def _pay(self) -> None:
        """Tell the server what went without it."""
        now_ms, told, words = self._clock.now_ms(), len(self._owed), list[object]([""])
        for sent_ms, cost, priority in self._owed:
            for n, limit in enumerate(self._limits):
                if amount := cost.amount(limit.measure):
                    words += [window_name(self._name, n, limit, cost.key), amount, limit.length_ms, limit.slack_ms]
                    words += [int(priority), now_ms - sent_ms]
        if told:
            await self._tell_owed(keys=[self._name], args=words)
        for _ in range(told):
            self._owed.popleft()

    def _go_alone(self, error: Exception) -> None:
        now_ms = self._clock.now_ms()
        self._alone_until_ms = now_ms + BACK_AFTER_MS
        if not self._was_alone:
            self._was_alone = True
            self._exits_only_until_ms = self._whole.ends_ms(now_ms)
            log.warning("no Valkey: this process goes on with its share of the limits", error=type(error).__name__)

    async def _told(self, grant: SharedGrant, answer: Answer | None) -> None:
        silent_ms = 1_000 * silence_s(answer) if answer else 0
        words: list[object] = ["", int(grant.priority), silent_ms, grant.sent_ms]
        for n, limit in enumerate(self._limits):
            amount = grant.cost.amount(limit.measure)
            if amount:
                said = limit.amount if answer and answer.of_key and limit.per_key else header_count(limit, answer)
                name = window_name(self._name, n, limit, grant.cost.key)
                words += [name, amount, limit.length_ms, limit.slack_ms, "" if said is None else said]
        try:
            await self._hear(keys=[self._name], args=words)
        except GONE as error:
            self._go_alone(error)

    def _unasked(self, done: asyncio.Future[list[int]], cost: Cost, priority: Priority) -> None:
        """Whoever asked was cancelled before the server's word came; a grant goes back."""
        if not done.cancelled() and done.exception() is None and done.result()[0]:
            self._refund(done.result()[3], cost, priority)

    def _refund(self, sent_ms: int, cost: Cost, priority: Priority) -> None:
        words: list[object] = ["", int(priority), sent_ms]
        for n, limit in enumerate(self._limits):
            if amount := cost.amount(limit.measure):
                words += [window_name(self._name, n, limit, cost.key), amount, limit.length_ms, limit.slack_ms]
        self._beside(self._gave_back(words))

    async def _gave_back(self, words: list[object]) -> None:
        try:
            await self._give_back(keys=[self._name], args=words)
        except GONE as error:
            self._go_alone(error)

    def _beside(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- what it knows

    async def _use(self, n: int, limit: Limit, now_ms: int) -> Use:
        index = now_ms // limit.length_ms
        pattern = f"{window_name(self._name, n, limit, '*')}:{index}"
        totals = [0]
        async for window in self._client.scan_iter(match=pattern):
            totals.append(sum(int(count) for count in (await self._client.hgetall(window)).values()))
        return Use(name=limit.name, amount=limit.amount, used=max(totals), ends_ms=(index + 1) * limit.length_ms)

    async def _waits(self, priority: Priority) -> Waits:
        found = {int(k): int(v) for k, v in (await self._client.hgetall(f"{self._name}:waits:{int(priority)}")).items()}
        buckets = tuple(found.get(n, 0) for n in range(BUCKETS))
        return Waits(priority=priority, granted=sum(buckets), waiting=self._waiting[priority], buckets=buckets)


def window_name(name: str, n: int, limit: Limit, key: str) -> str:
    """What the windows of a limit are called at the server, without their number."""
    return f"{name}:{n}:{key if limit.per_key else ''}"


def spend_words(name: str, limits: Sequence[Limit], cost: Cost) -> list[object]:
    """A request as the script takes it: eleven words for each limit that counts it."""
    words: list[object] = []
    for n, limit in enumerate(limits):
        amount = cost.amount(limit.measure)
        if amount:
            words += [window_name(name, n, limit, cost.key), amount, limit.amount, limit.length_ms, limit.slack_ms]
            words += [limit.head, int(limit.per_key), *limit.sure]
    return words


def _part(limit: Limit, processes_max: int) -> Limit:
    """A process's part of what all share, beside which the venue's count for the whole address says nothing; what a key
    may do is not divided: its account lives in one process."""
    return limit if limit.per_key else replace(limit, amount=max(1, limit.amount // processes_max), header="")
