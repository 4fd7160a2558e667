"""How a running platform stands: every mandate with its account, how safe it is, and all of it for `status` and the screen."""

from __future__ import annotations

import os

from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.reserve import Reserve
from tradepool.adapters.database.suspensions import DatabaseSuspensions
from tradepool.domain.errors import VenueError
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.dunning import words_of
from tradepool.entrypoints.risk import rows_of_desk
from tradepool.entrypoints.rungs import Rungs
from tradepool.entrypoints.safety import (
    age_max_s,
    halt_rows,
    lasting,
    not_seen,
    safety_of,
    suspension_rows,
    unprotected,
)
from tradepool.ports.clock import Clock
from tradepool.presentation.formats import iso
from tradepool.presentation.risk_page import reached
from tradepool.presentation.status_page import AccountSafety, Now, StatusJson
from tradepool.services.trading.account_actor import AccountActor

# A position that lacks its stop twice so far apart is not one whose stop is just being replaced.
AGAIN_S = 2.0
STARTING = "it is being started"


class Standing:
    """One platform, looked at; `ready` once it trades."""

    def __init__(
        self,
        deployed: Deployed,
        platform: Platform,
        rows: DatabaseDeployment,
        rungs: Rungs,
        suspensions: DatabaseSuspensions,
        reserve: Reserve,
        clocks: tuple[Clock, Clock],
    ) -> None:
        """`clocks`: the venue's, and the real one."""
        self._deployed, self._platform, self._rows, self._rungs = deployed, platform, rows, rungs
        self._suspensions, self._reserve = suspensions, reserve
        self._clock, self._real = clocks
        self.ready = False

    def actors(self) -> list[tuple[Seated, AccountActor | None]]:
        """Each mandate with its account, None where it was not started (yet)."""
        by_account = {actor.account.account.id: actor for actor in self._platform.desk.actors} if self.ready else {}
        return [(seat, by_account.get(seat.account_id)) for seat in self._deployed.seats]

    async def status(self) -> StatusJson:
        """Everything, for `status`; what is wrong only for a moment is not told."""
        rows = [await self.account(seat, actor) for seat, actor in self.actors()]
        if any(row.unprotected or row.unknown_orders or row.difference for row in rows):
            await self._real.sleep(AGAIN_S)
            again = [await self.account(seat, actor) for seat, actor in self.actors()]
            rows = [lasting(*both) for both in zip(rows, again, strict=True)]
        return StatusJson(
            deployment=self._deployed.deployment.id,
            kind=self._deployed.deployment.kind,
            process="trading" if self.ready else "starting",
            time=iso(self._clock.now_ms()),
            accounts=rows,
            halts=halt_rows(self._rows.halts()),
            suspensions=suspension_rows(self._suspensions.all(self._real.now_ms())),
            data_age_s=self._data_age_s() if self.ready else None,
            data_age_max_s=age_max_s(self._deployed.timeframe_ms),
            pid=os.getpid(),
            candles=self._platform.market_data.candles if self.ready else 0,
            limits=reached(rows_of_desk(self._platform.risk)) if self.ready else [],
            disk=self._reserve.words,
            unpaid=words_of(self._deployed, self._rungs.dunning),
        )

    async def account(self, seat: Seated, actor: AccountActor | None) -> AccountSafety:
        """How safe an account is, by what its venue says now."""
        stopped = str(self._platform.desk.halted.get(seat.account_id, "")) if self.ready else STARTING
        if actor is None:
            return not_seen(seat, self._rungs.of(seat), "it was not started", stopped or STARTING)
        balances, why = None, ""
        if seat.account_id in self._platform.desk.up:
            try:
                balances = await actor.gateway.balances()
            except VenueError as error:
                why = str(error)
        else:
            # Its balances may tell of fills, from when nobody listened, that the books don't know yet.
            why = STARTING if stopped in ("", STARTING) else "it has not come up"
        mode, now_ms, books = self._rungs.of(seat), self._clock.now_ms(), self._platform.books
        since_ms = self._platform.desk.streamless.get(seat.account_id, now_ms)
        flows = self._platform.flows
        return safety_of(
            seat,
            mode,
            actor.account,
            books,
            now_ms,
            balances,
            stopped=stopped,
            why=why,
            streamless_s=(now_ms - since_ms) // 1_000,
            unpriced=flows.unpriced(seat.account_id) if flows is not None else "",
        )

    def _data_age_s(self) -> float:
        return max(0, self._clock.now_ms() - self._platform.market_data.known_ms) / 1_000

    def now(self) -> Now:
        """A line of it, for the screen."""
        accounts = [actor.account for _, actor in self.actors() if actor is not None]
        return Now(
            kind=self._deployed.deployment.kind,
            deployment=self._deployed.deployment.id,
            time_ms=self._clock.now_ms(),
            accounts=len(self._deployed.seats),
            stopped=len(self._platform.desk.halted),
            positions=sum(slot.held for account in accounts for slot in account.slots.values()),
            unprotected=sum(len(unprotected(account)) for account in accounts),
            candles=self._platform.market_data.candles,
            data_age_s=self._data_age_s(),
            halts=len(self._rows.halts()),
        )
