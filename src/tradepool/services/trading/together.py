"""What many accounts decide in a few turns of the loop is written in one transaction: one sync of the disk, not a thousand.

Nothing leaves before its own record is on the disk, as ever. A transaction that fails is written again record by record,
so that the one that can't be written stops its own account and no other; its account offers it again before it takes in
anything else. Where some of them fail in a row it is the store: nobody waits for it once for each account.
"""

from __future__ import annotations

import asyncio
from functools import partial

from tradepool.domain.event import Event
from tradepool.ports.journal import Journal
from tradepool.runtime.supervise import outcome_of
from tradepool.services.trading.account_actor import AccountActor, Decided

# As long as every turn brings more, so many turns are waited for so many accounts: a burst's answers come a few a turn.
TURNS, ENOUGH = 4, 256
# So many that fail one after the other, and it is not their own fault.
IN_A_ROW = 2

_Waiting = tuple[AccountActor, Event, "asyncio.Future[None]"]


class Together:
    """Takes events of accounts, each of which waits until its own is written down."""

    def __init__(self, journal: Journal) -> None:
        """Nobody waits."""
        self._journal = journal
        self._waiting: list[_Waiting] = []

    async def handle(self, actor: AccountActor, event: Event) -> None:
        """Decide, write down, then queue the commands; raises what went wrong for this account."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((actor, event, done))
        if len(self._waiting) == 1:
            # Not now: whoever is about to run in this turn of the loop comes too.
            loop.call_soon(self._gather, 0, TURNS)
        await done

    def _gather(self, seen: int, turns: int) -> None:
        """Write once nobody came in this turn, or nobody more is waited for."""
        if turns and seen < len(self._waiting) < ENOUGH:
            asyncio.get_running_loop().call_soon(self._gather, len(self._waiting), turns - 1)
        else:
            self._commit()

    def _commit(self) -> None:
        waiting, self._waiting = self._waiting, []
        decided: list[tuple[AccountActor, Decided, asyncio.Future[None]]] = []
        for actor, event, done in waiting:
            if done.cancelled():
                continue
            found = outcome_of(partial(actor.decide, event))
            if isinstance(found, Exception):
                done.set_exception(found)
            elif found is None:
                done.set_result(None)
            else:
                decided.append((actor, found, done))
        if not decided:
            return
        failed = outcome_of(lambda: self._journal.write_all([found.record for _, found, _ in decided])) is not None
        in_a_row, wrong = 0, None
        for actor, _, done in decided:
            if in_a_row < IN_A_ROW:
                wrong = outcome_of(actor.write if failed else actor.release)
            if isinstance(wrong, Exception):
                in_a_row += 1
                done.set_exception(wrong)
            else:
                in_a_row = 0
                done.set_result(None)
