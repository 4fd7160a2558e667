"""Every limit on the live path: tripped by trading, told in the books and the log, and still there after a restart.

One platform trades against the simulated venue until the limit denies an entry, and is killed. Another one starts from
the same database: it knows what was reached, and denies again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from sqlalchemy import Connection
from structlog.testing import capture_logs

from tests.whole.limit_cases import AAA, BAR_MS, BBB, CASES, Case, D
from tests.whole.lives import Life, Lives, held
from tests.whole.test_faults import place
from tests.whole.test_parity import START_MS
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import Deed
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.adapters.exchanges.transport import Transport
from tradepool.domain.denial import Denial
from tradepool.domain.limit import LIMIT_WORDS, Limit, LimitScope, Override, RiskPlan, read_key
from tradepool.domain.mandate import NO_LIMITS
from tradepool.domain.order import OrderRequest, Purpose, Refusal, Side
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.entrypoints.replay import Plan, Player, connection_of, on_our_venue
from tradepool.entrypoints.wiring import Wiring
from tradepool.presentation.report import refusal_lines
from tradepool.runtime import telemetry
from tradepool.services.account_reads import Exposure
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.market_model import model_listings
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files

__all__ = ["place"]


class Limited(Lives):
    """Lives under limits; halts are looked at as `start` does."""

    case: Case

    @property
    def risk_plan(self) -> RiskPlan:
        """The limits of the case, about the first user."""
        seat, found = self.seats[0], []
        for key, value in self.case.limits.items():
            scope, name, word = read_key(key.format(user=seat.account.user, mandate=seat.mandate.id))
            found.append(Limit(scope=scope, name=name, word=word, value=D(value), action=self.case.action))
        return RiskPlan(limits=tuple(found), clusters={"pair": frozenset((AAA, BBB))}, deployment="simulated")

    def _wiring(self, transport: Transport, connection: Connection) -> Wiring:
        users = {seat.account.id: seat.account.user for seat in self.seats}

        def may_enter(request: OrderRequest) -> str:
            query = "select kind, name from halt"
            halts = connection.exec_driver_sql(query).all()
            connection.rollback()
            names = ("simulated", users[request.account], request.market)
            return Denial.HALTED if any(name in names for _, name in halts) else ""

        reads = {}
        if self.case.read_every_bars:
            every_ms = self.case.read_every_bars * BAR_MS
            reads["read_every_ms"] = dict.fromkeys(Exposure, every_ms)
        risk = (self.risk_plan, DatabaseRisk(connection))
        changes: dict[str, Any] = {"risk": risk, "may_enter": may_enter, **reads}
        return replace(super()._wiring(transport, connection), **changes)


def plan_of(case: Case) -> Plan:
    """Two users of two markets, or of the first."""
    models = model_listings(["AAA/USDT", "BBB/USDT"], BAR_MS, START_MS, case.bars, seed=5, gap_share=case.holes)
    listings = [on_our_venue(model) for model in models]
    markets = (AAA, BBB) if case.both else (AAA,)
    users = [
        Player(
            name=name,
            strategy=case.strategy(),
            markets=markets,
            capital=D(10_000),
            weight=D("0.4"),
            limits=case.own if name == "ann" else NO_LIMITS,
        )
        for name in ("ann", "ben")
    ]
    return Plan(listings=listings, players=users)


def tell(case: Case, folder: Path, story: Callable[[Limited], Awaitable[None]]) -> None:
    """Live through a story."""
    folder.mkdir(parents=True)

    async def main(selector: IdleSelector) -> None:
        lives = Limited(plan_of(case), folder)
        lives.case, lives.selector = case, selector
        tls = make_tls_files(folder)
        server = Server(
            lives.venue, UnixSocket(str(folder / "v")), tls.server_context(), lives.plan.scenario, lives.clock
        )
        lives.server, lives.transport = server, connection_of(await server.start(), tls)
        try:
            await story(lives)
        finally:
            await server.stop()

    run_in_lock_step(main)


@pytest.fixture
def told() -> Iterator[list[Any]]:
    """The log, from its least important line on."""
    before = structlog.get_config()
    telemetry.configure("INFO")
    try:
        with capture_logs() as lines:
            yield cast("list[Any]", lines)
    finally:
        structlog.configure(**before)


def refusals(lives: Limited, life: Life) -> list[Refusal]:
    """Of everybody, in the books."""
    books = DatabaseBooks(life.connection)
    return [refusal for seat in lives.seats for refusal in books.refusals(seat.account.id)]


def denied(lives: Limited, life: Life, denial: Denial) -> list[Refusal]:
    """Refusals by one denial."""
    return [refusal for refusal in refusals(lives, life) if refusal.reason == denial]


def halts(life: Life) -> list[str]:
    """What is halted, by the platform itself."""
    rows = life.connection.exec_driver_sql("select kind, name, by from halt").all()
    life.connection.rollback()
    assert {by for _, _, by in rows} <= {"risk"}
    return [f"{kind} {name}" for kind, name, _ in rows]


@pytest.mark.parametrize("name", CASES)
def test_a_limit_denies_is_told_and_survives_a_restart(place: Path, told: list[Any], name: str) -> None:
    case = CASES[name]
    # A halt is asked for before limits are: what a limit has halted may be refused as that from its first entry on.
    words = {case.denial, Denial.HALTED} if case.halted else {case.denial}

    def no_to(life: Life, lives: Limited) -> list[Refusal]:
        return [refusal for refusal in refusals(lives, life) if refusal.reason in words]

    async def story(lives: Limited) -> None:
        async with lives.life() as first:
            await first.until(lambda: bool(no_to(first, lives)))
            before = no_to(first, lives)
            assert before
            lines = [line for line in told if line["event"] == "refused" and line["reason"] in words]
            assert len(lines) == len(before)
            denial = next(word for word in words if word == lines[0]["reason"])
            assert lines[0]["why"] == denial.sentence
            assert f"{denial}: {denial.sentence}" in "\n".join(refusal_lines(refusals(lives, first)))
            trips = DatabaseRisk(first.connection).trips()
            assert bool(trips) == case.told
            assert len([line for line in told if line["event"] == "limit reached"]) == len(trips)
            halted = [case.halted.format(user=lives.seats[0].account.user)] if case.halted else []
            assert halts(first) == halted
        told.clear()
        async with lives.life() as second:
            assert DatabaseRisk(second.connection).trips() == trips
            assert halts(second) == halted
            await second.until(lambda: len(no_to(second, lives)) > len(before))
            assert len(no_to(second, lives)) > len(before)
            assert words & {line["reason"] for line in told if line["event"] == "refused"}
            assert halts(second) == halted

    tell(case, place, story)


def test_until_the_day_ends_only_exits(place: Path) -> None:
    """Reduce-only: from when the limit is reached until midnight nobody whom it is about enters; then they do again."""
    case = replace(CASES["reduce only"], limits={"user.{user}.weekly_loss_max": "0.003"})

    async def story(lives: Limited) -> None:
        async with lives.life() as life:
            await life.until(lambda: bool(DatabaseRisk(life.connection).trips()))
            (trip,) = DatabaseRisk(life.connection).trips()
            assert trip.until_ms % 86_400_000 == 0
            await life.until(lambda: lives.venue.now_ms >= trip.until_ms)
            (user, other) = (DatabaseBooks(life.connection).last_fills(seat.account.id, 500) for seat in lives.seats)
            assert not [fill for fill in user if fill.side is Side.BUY and fill.time_ms > trip.since_ms + 1_000]
            assert [fill for fill in other if fill.side is Side.BUY and fill.time_ms > trip.since_ms + 1_000]

    tell(case, place, story)


def test_a_limit_that_flattens_sells_all_at_once(place: Path) -> None:
    """Everybody's, on every market; stops are gone with what they protected."""

    async def story(lives: Limited) -> None:
        async with lives.life() as life:
            await life.until(lambda: bool(DatabaseRisk(life.connection).trips()))
            await life.bars(1)
            assert held(life) == 0
            sold = [t for seat in lives.seats for t in DatabaseBooks(life.connection).trades(seat.account.id)]
            assert Purpose.FLATTEN in {trade.exit_reason for trade in sold}

    tell(CASES["flatten"], place, story)


def test_what_a_person_sets_holds_at_once_and_after_a_restart(place: Path) -> None:
    """A limit of everybody's that was none, and a mandate's own; both without stopping. Taken away, they are gone."""

    def wish(key: str, value: str | None) -> Override:
        return Override(key=key, value=D(value) if value else None, since_ms=1, by="ann", reason="calmer")

    async def story(lives: Limited) -> None:
        mandate = f"mandate.{lives.seats[0].mandate.id}.exposure_max"
        async with lives.life() as life:
            await life.bars(20)
            store = DatabaseRisk(life.connection)
            assert refusals(lives, life) == []
            store.override(wish("platform.positions_max", "1"), None)
            store.override(wish(mandate, "9"), None)
            await life.until(lambda: bool(denied(lives, life, Denial.SCOPE_POSITIONS)))
            await life.until(lambda: bool(denied(lives, life, Denial.EXPOSURE)))
            assert life.platform.actor(lives.seats[0].account.id).account.mandate.limits.exposure_max == 9
        async with lives.life() as life:
            store, count = DatabaseRisk(life.connection), len(denied(lives, life, Denial.EXPOSURE))
            assert life.platform.risk is not None
            uses = {use.limit.key: use for use in life.platform.risk.uses()}
            assert uses[mandate].override == wish(mandate, "9")
            assert life.platform.actor(lives.seats[0].account.id).account.mandate.limits.exposure_max == 9
            await life.until(lambda: len(denied(lives, life, Denial.EXPOSURE)) > count)
            store.override(wish(mandate, None), D(9))
            store.override(wish("platform.positions_max", None), D(1))
            await life.bars(2)
            assert life.platform.actor(lives.seats[0].account.id).account.mandate.limits.exposure_max is None
            everything = len(refusals(lives, life))
            await life.bars(30)
            assert len(refusals(lives, life)) == everything
            deeds = life.connection.exec_driver_sql("select what, scope, reason from audit order by id").all()
            assert deeds[1] == ("risk set", f"{mandate}: none -> 9", "calmer")

    tell(replace(CASES["platform order"], limits={}), place, story)


def test_users_of_one_signal_share_what_a_market_can_take(place: Path) -> None:
    """With room for one order and a half, who comes second is refused on the candle that the first one enters on."""

    async def story(lives: Limited) -> None:
        ann, ben = (seat.account.id for seat in lives.seats)
        async with lives.life() as life:
            books, risk = DatabaseBooks(life.connection), life.platform.risk
            assert risk is not None
            await life.until(lambda: bool(books.last_fills(ann)) and bool(books.last_fills(ben)))
            volumes = risk.limits._markets[AAA].volumes
            room = books.last_fills(ann)[0].quantity * D("1.5") * len(volumes) / sum(volumes, D(0))
            row = Override(key="platform.volume_share_max", value=room, since_ms=1, by="ann", reason="thin")
            DatabaseRisk(life.connection).override(row, None)
            await life.until(lambda: len(denied(lives, life, Denial.VOLUME_SHARE)) > 2)
            assert not [each for each in books.refusals(ann) if each.reason == Denial.VOLUME_SHARE]
            entered = {fill.time_ms // BAR_MS for fill in books.last_fills(ann, 500) if fill.side is Side.BUY}
            late = {each.time_ms // BAR_MS for each in books.refusals(ben)}
            assert len(late) > 2
            assert late <= entered

    tell(replace(CASES["platform order"], limits={}, both=False), place, story)


@pytest.mark.parametrize("name", ["mandate drawdown", "user drawdown", "platform drawdown"])
def test_a_person_lets_it_trade_on(place: Path, name: str) -> None:
    """A drawdown stays until then, over restarts too; losses are measured from there on."""
    case = CASES[name]

    async def story(lives: Limited) -> None:
        seat = lives.seats[0]
        scopes = {"mandate": f"mandate.{seat.mandate.id}", "user": f"user.{seat.account.user}", "platform": "platform"}
        scope = scopes[name.split()[0]]
        async with lives.life() as life:
            await life.until(lambda: bool(denied(lives, life, case.denial)))
            deed = Deed(time_ms=lives.venue.now_ms, by="ann", what="risk resume", scope=scope, reason="looked at it")
            DatabaseRisk(life.connection).resume(scope, [f"{scope}.drawdown_max"], deed)
        async with lives.life() as life:
            fills = len(DatabaseBooks(life.connection).last_fills(seat.account.id, 500))
            await life.bars(12)
            assert len(DatabaseBooks(life.connection).last_fills(seat.account.id, 500)) > fills

    tell(case, place, story)


def test_every_limit_has_a_case_in_every_scope_that_it_may_stand_in() -> None:
    """But a cluster's, which are refused as a cluster's whatever they limit."""
    offered = {(scope, word) for word, limit in LIMIT_WORDS.items() for scope in limit.denials}
    keys = [read_key(key) for case in CASES.values() for key in case.limits]
    own = {word.partition(".")[0] for case in CASES.values() for word, _ in case.own.named()}
    tripped = {(scope, word) for scope, _, word in keys} | {(LimitScope.MANDATE, word) for word in own}
    assert offered - tripped == set()
