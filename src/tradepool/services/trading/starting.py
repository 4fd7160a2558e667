"""Bringing many accounts up beside trading: what protects first, then what each holds, then what happened meanwhile.

Each part is done for everybody before the next one takes weight from it; nobody waits for an account that fails. The
venue's limits decide how long it takes: so many requests at a time are enough to fill them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from tradepool.domain.event import TermsSeen
from tradepool.domain.ids import AccountId
from tradepool.ports.clock import Clock
from tradepool.runtime import telemetry
from tradepool.runtime.supervise import guard
from tradepool.services.backoff import patiently
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.desk import TradingDesk

AT_ONCE = 20
# One read that goes as urgently as an exit every so often: of what is kept for exits nobody else uses much meanwhile.
URGENT_EVERY_S = 1.0

S = TypeVar("S")

log = telemetry.logger(__name__)


class Starting(Generic[S]):
    """One start of a platform. `S` is what an account's actor is made of."""

    def __init__(
        self,
        desk: TradingDesk,
        clock: Clock,
        take: Callable[[S], Awaitable[AccountActor]],
        on_up: Callable[[AccountActor], None],
    ) -> None:
        """`take` makes an actor without asking the venue for what can wait; `on_up` hears of each that trades."""
        self._desk, self._clock, self._take, self._on_up = desk, clock, take, on_up
        self._actors: list[AccountActor] = []

    async def run(self, seats: Sequence[tuple[AccountId, S]]) -> None:
        """Bring them up, in this order."""
        began_ms = self._clock.now_ms()
        await _all([partial(self._secure, account, seat) for account, seat in seats])
        log.info("protections are seen", accounts=len(self._actors), ms=self._clock.now_ms() - began_ms)
        read = asyncio.Event()
        streams = [self._bring_up(actor, read) for actor in self._actors]
        await asyncio.gather(self._read_all(read), *streams)
        log.info("all accounts are up", accounts=len(self._actors), ms=self._clock.now_ms() - began_ms)

    async def _secure(self, account: AccountId, seat: S) -> None:
        async def work() -> None:
            actor = await self._take(seat)
            if await self._desk.secure(actor):
                self._actors.append(actor)

        await guard(f"{account} start", work(), lambda task, error: self._desk.refuse(account, error))

    async def _read_all(self, done: asyncio.Event) -> None:
        """What each pays and holds; an account that fails is halted and is no matter of the others."""
        waiting = deque(self._actors)

        async def read(*, urgent: bool) -> None:
            while waiting:
                actor = waiting.popleft()
                work = self._read(actor, urgent=urgent)
                await guard(f"{actor.account.account.id} start", work, partial(self._fail, actor))
                if urgent:
                    await self._clock.sleep(URGENT_EVERY_S)

        await asyncio.gather(read(urgent=True), *(read(urgent=False) for _ in range(AT_ONCE)))
        done.set()

    def _fail(self, actor: AccountActor, task: str, error: Exception) -> None:
        self._actors.remove(actor)
        self._desk.halt(actor.account.account.id, error)

    async def _read(self, actor: AccountActor, *, urgent: bool) -> None:
        gateway, asked_ms = actor.gateway, self._clock.now_ms()
        ask = (lambda: gateway.urgently(gateway.standing())) if urgent else gateway.standing
        actor.fees, balances = await patiently(self._clock, ask)
        self._desk.feed.took(actor.account.account.id, balances, asked_ms)
        markets = tuple(actor.with_fees(slot.listed) for slot in actor.account.slots.values())
        actor.handle(TermsSeen(time_ms=self._clock.now_ms(), markets=markets))

    async def _bring_up(self, actor: AccountActor, read: asyncio.Event) -> None:
        """Its stream, in the line of all; history takes nothing from the balances of others."""
        await self._desk.bring_up(actor, read)
        if actor.account.account.id not in self._desk.halted:
            self._on_up(actor)


async def _all(works: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """AT_ONCE of them at a time, in their order."""
    waiting = deque(works)

    async def go() -> None:
        while waiting:
            await waiting.popleft()()

    await asyncio.gather(*(go() for _ in range(AT_ONCE)))
