"""Every limit on the live path: tripped by trading, told in the books and the log, and still there after a restart.

One platform trades against the simulated venue until the limit denies an entry, and is killed. Another one starts from
the same database: it knows what was reached, and denies again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from sqlalchemy import Connection
from structlog.testing import capture_logs

from tests.leader import with_leader
from tests.whole.lives import Life, Lives, held
from tests.whole.test_faults import place
from tests.whole.test_parity import START_MS
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import Deed
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.adapters.exchanges.transport import Transport
from tradepool.core.strategies.strategy import Strategy
from tradepool.core.strategies.text import strategy_of
from tradepool.domain.denial import Denial
from tradepool.domain.ids import MarketId
from tradepool.domain.limit import LIMIT_WORDS, Action, Limit, Override, RiskPlan, read_key
from tradepool.domain.mandate import NO_LIMITS, Limits
from tradepool.domain.order import OrderRequest, Purpose, Refusal, Side
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.entrypoints.replay import Plan, Player, connection_of, on_our_venue
from tradepool.entrypoints.wiring import Wiring
from tradepool.ports.exchange import AccountGateway
from tradepool.presentation.report import refusal_lines
from tradepool.runtime import telemetry
from tradepool.services.account_reads import Exposure
from tradepool.services.gated_gateway import GatedGateway
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.market_model import model_listings
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files

__all__ = ["place"]

D = Decimal
BAR_MS, BARS = 300_000, 900
CHURN = """\
# Buys after a candle that rose, sells after one that fell.
name: churn
version: 1

enter: close > open
exit: close < open
stop: 2 percent
"""
AAA, BBB = MarketId("binance:AAA/USDT"), MarketId("binance:BBB/USDT")


@dataclass(frozen=True)
class Case:
    """One limit, and how it is tripped: two users trade both markets unless it says otherwise. `halted` is what the
    limit halts, `told` whether it is remembered as reached: one on sizes, in the account step, is about each entry."""

    denial: Denial
    limits: Mapping[str, str] = field(default_factory=dict)
    own: Limits = NO_LIMITS
    action: Action = Action.REFUSE
    halted: str = ""
    both: bool = True
    strategy: Callable[[], Strategy] = lambda: strategy_of(CHURN)
    holes: float = 0.0
    read_every_bars: int = 0
    bars: int = BARS

    @property
    def told(self) -> bool:
        return bool(self.limits) or any(LIMIT_WORDS[word.partition(".")[0]].falls for word, _ in self.own.named())


CASES = {
    # a mandate's, in the account step
    "mandate order": Case(Denial.ORDER_NOTIONAL, own=Limits(order_notional_max=D(9))),
    "mandate market": Case(Denial.MARKET_NOTIONAL, own=Limits(market_notional_max={"AAA/USDT": D(9)})),
    "mandate exposure": Case(Denial.EXPOSURE, own=Limits(exposure_max=D(3_990))),
    "mandate positions": Case(Denial.POSITIONS, own=Limits(positions_max=1)),
    "mandate trade risk": Case(Denial.TRADE_RISK, own=Limits(trade_risk_max=D("0.00001"))),
    "mandate daily loss": Case(Denial.DAILY_LOSS, own=Limits(daily_loss_max=D("0.003"))),
    "mandate weekly loss": Case(Denial.WEEKLY_LOSS, own=Limits(weekly_loss_max=D("0.01"))),
    "mandate drawdown": Case(Denial.DRAWDOWN, own=Limits(drawdown_max=D("0.01"))),
    "mandate loss streak": Case(Denial.LOSS_STREAK, own=Limits(loss_streak_max=3, cool_down_minutes=720)),
    # above it, at the gate
    "platform order": Case(Denial.SCOPE_NOTIONAL, {"platform.order_notional_max": "3000"}),
    "user order": Case(Denial.SCOPE_NOTIONAL, {"user.{user}.order_notional_max": "3000"}),
    "strategy order": Case(Denial.SCOPE_NOTIONAL, {"strategy.churn.order_notional_max": "3000"}),
    "market order": Case(Denial.SCOPE_NOTIONAL, {"market.BBB/USDT.order_notional_max": "3000"}),
    "cluster order": Case(Denial.CLUSTER, {"cluster.pair.order_notional_max": "3000"}),
    "platform exposure": Case(Denial.SCOPE_EXPOSURE, {"platform.exposure_max": "13000"}),
    "user exposure": Case(Denial.SCOPE_EXPOSURE, {"user.{user}.exposure_max": "5000"}),
    "strategy exposure": Case(Denial.SCOPE_EXPOSURE, {"strategy.churn.exposure_max": "5000"}),
    "market exposure": Case(Denial.SCOPE_EXPOSURE, {"market.AAA/USDT.exposure_max": "5000"}),
    "cluster exposure": Case(Denial.CLUSTER, {"cluster.pair.exposure_max": "5000"}),
    "platform positions": Case(Denial.SCOPE_POSITIONS, {"platform.positions_max": "3"}),
    "user positions": Case(Denial.SCOPE_POSITIONS, {"user.{user}.positions_max": "1"}),
    "strategy positions": Case(Denial.SCOPE_POSITIONS, {"strategy.churn.positions_max": "2"}),
    "market positions": Case(Denial.SCOPE_POSITIONS, {"market.AAA/USDT.positions_max": "1"}),
    "cluster positions": Case(Denial.CLUSTER, {"cluster.pair.positions_max": "1"}),
    "platform daily loss": Case(Denial.SCOPE_DAILY_LOSS, {"platform.daily_loss_max": "0.003"}),
    "user daily loss": Case(Denial.SCOPE_DAILY_LOSS, {"user.{user}.daily_loss_max": "0.003"}),
    "platform weekly loss": Case(Denial.SCOPE_WEEKLY_LOSS, {"platform.weekly_loss_max": "0.01"}),
    "user weekly loss": Case(Denial.SCOPE_WEEKLY_LOSS, {"user.{user}.weekly_loss_max": "0.01"}),
    "platform drawdown": Case(Denial.SCOPE_DRAWDOWN, {"platform.drawdown_max": "0.01"}),
    "user drawdown": Case(Denial.SCOPE_DRAWDOWN, {"user.{user}.drawdown_max": "0.01"}),
    "platform rate": Case(Denial.ORDER_RATE, {"platform.orders_per_minute_max": "2"}),
    "user rate": Case(Denial.ORDER_RATE, {"user.{user}.orders_per_minute_max": "1"}),
    "strategy rate": Case(Denial.ORDER_RATE, {"strategy.churn.orders_per_minute_max": "2"}),
    "market rate": Case(Denial.ORDER_RATE, {"market.BBB/USDT.orders_per_minute_max": "1"}),
    "stale price": Case(
        Denial.STALE_PRICE,
        {"platform.price_age_max_s": "1"},
        both=False,
        strategy=lambda: with_leader("BBB/USDT"),
        holes=0.3,
        bars=3_000,
    ),
    "stale balance": Case(Denial.STALE_BALANCE, {"platform.balance_age_max_s": "400"}, read_every_bars=12),
    "price band": Case(Denial.PRICE_BAND, {"market.AAA/USDT.price_band_max": "0.002"}),
    "volume share": Case(Denial.VOLUME_SHARE, {"platform.volume_share_max": "0.00001"}),
    # what else they do
    "reduce only": Case(Denial.REDUCE_ONLY, {"user.{user}.daily_loss_max": "0.003"}, action=Action.REDUCE_ONLY),
    "flatten": Case(Denial.REDUCE_ONLY, {"platform.daily_loss_max": "0.003"}, action=Action.FLATTEN),
    "market halts": Case(
        Denial.HALTED, {"market.AAA/USDT.positions_max": "1"}, action=Action.HALT, halted="market binance:AAA/USDT"
    ),
    "user halts": Case(
        Denial.SCOPE_DRAWDOWN, {"user.{user}.drawdown_max": "0.01"}, action=Action.HALT, halted="user {user}"
    ),
    "platform halts": Case(
        Denial.SCOPE_DAILY_LOSS, {"platform.daily_loss_max": "0.003"}, action=Action.HALT, halted="platform simulated"
    ),
    "mandate halts": Case(
        Denial.DRAWDOWN,
        {"mandate.{mandate}.drawdown_max": "0.01"},
        own=Limits(drawdown_max=D("0.01")),
        action=Action.HALT,
        halted="user {user}",
    ),
}


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

        def gated(gateway: AccountGateway) -> AccountGateway:
            return cast("AccountGateway", GatedGateway(gateway, may_enter, self.clock))

        reads = {}
        if self.case.read_every_bars:
            every_ms = self.case.read_every_bars * BAR_MS
            reads["read_every_ms"] = dict.fromkeys(Exposure, every_ms)
        risk = (self.risk_plan, DatabaseRisk(connection))
        changes: dict[str, Any] = {"risk": risk, "wrap_gateway": gated, **reads}
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

    async def story(lives: Limited) -> None:
        async with lives.life() as first:
            await first.until(lambda: bool(denied(lives, first, case.denial)))
            before = denied(lives, first, case.denial)
            assert before
            lines = [line for line in told if line["event"] == "refused" and line["reason"] == case.denial]
            assert len(lines) == len(before)
            assert lines[0]["why"] == case.denial.sentence
            assert f"{case.denial}: {case.denial.sentence}" in "\n".join(refusal_lines(refusals(lives, first)))
            trips = DatabaseRisk(first.connection).trips()
            assert bool(trips) == case.told
            assert len([line for line in told if line["event"] == "limit reached"]) == len(trips)
            halted = [case.halted.format(user=lives.seats[0].account.user)] if case.halted else []
            assert halts(first) == halted
        told.clear()
        async with lives.life() as second:
            assert DatabaseRisk(second.connection).trips() == trips
            assert halts(second) == halted
            await second.until(lambda: len(denied(lives, second, case.denial)) > len(before))
            assert len(denied(lives, second, case.denial)) > len(before)
            assert case.denial in {line["reason"] for line in told if line["event"] == "refused"}
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
