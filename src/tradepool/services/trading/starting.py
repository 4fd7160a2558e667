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

from tradepool.domain.ids import AccountId
from tradepool.ports.clock import Clock
from tradepool.runtime import telemetry
from tradepool.runtime.supervise import guard
from tradepool.services.backoff import is_transient
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
    ) -> None:
        """`take` makes an actor without asking the venue for what can wait."""
        self._desk, self._clock, self._take = desk, clock, take
        self._actors: list[AccountActor] = []

    async def run(self, seats: Sequence[tuple[AccountId, S]]) -> None:
        """Bring them up, in this order."""
        began_ms = self._clock.now_ms()
        await _all([partial(self._secure, account, seat) for account, seat in seats])
        log.info("protections are seen", accounts=len(self._actors), ms=self._clock.now_ms() - began_ms)
        read = asyncio.Event()
        # Their streams, in the line of all; history takes nothing from the balances of others.
        streams = [self._desk.bring_up(actor, read) for actor in self._actors]
        await asyncio.gather(self._read_all(read), *streams)
        log.info("all accounts are up", accounts=len(self._actors), ms=self._clock.now_ms() - began_ms)

    async def _secure(self, account: AccountId, seat: S) -> None:
        async def work() -> None:
            actor = await self._take(seat)
            if await self._desk.secure(actor):
                self._actors.append(actor)

        await guard(f"{account} start", work(), lambda task, error: self._desk.refuse(account, error))

    async def _read_all(self, done: asyncio.Event) -> None:
        """What each pays and holds, asked once; an account that fails is no matter of the others, nor do they wait for it."""
        waiting = deque(self._actors)

        async def read(*, urgent: bool) -> None:
            while waiting:
                actor = waiting.popleft()
                work = self._desk.read(actor, urgent=urgent, patient=False)
                await guard(f"{actor.account.account.id} start", work, partial(self._fail, actor))
                if urgent:
                    await self._clock.sleep(URGENT_EVERY_S)

        await asyncio.gather(read(urgent=True), *(read(urgent=False) for _ in range(AT_ONCE)))
        done.set()

    def _fail(self, actor: AccountActor, task: str, error: Exception) -> None:
        """It is halted; a venue that has not answered is asked again when the account comes up."""
        if not is_transient(error):
            self._desk.halt(actor.account.account.id, error)


async def _all(works: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """AT_ONCE of them at a time, in their order."""
    waiting = deque(works)

    async def go() -> None:
        while waiting:
            await waiting.popleft()()

    await asyncio.gather(*(go() for _ in range(AT_ONCE)))
