"""Limits beside accounts: looked at when all have acted, let go by a person, and a store that takes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.core.risk.test_live_limits import entry as any_entry
from tests.core.risk.test_live_limits import limit
from tests.nouns import ACCOUNT, BTC, MANDATE, MINUTE_MS, fill, signal
from tests.services.trading.test_together import COUNT, actors
from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.core.account import account_step as step
from tradepool.core.risk.standing import DAY_MS, Standing
from tradepool.domain.by_hand import FlattenAsked
from tradepool.domain.candle import Candle
from tradepool.domain.denial import Denial
from tradepool.domain.deployment import Deployment, Halt, Kind, Scope, ScopeKind
from tradepool.domain.event import (
    CandlesClosed,
    EntriesResumed,
    Event,
    MandateChanged,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
)
from tradepool.domain.ids import VenueOrderId
from tradepool.domain.limit import Action, Limit, LimitScope, Override, RiskPlan
from tradepool.domain.mandate import EntryKind, EntryOrder
from tradepool.domain.order import OrderRequest
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.desk import TradingDesk
from tradepool.services.trading.risk_desk import RiskDesk, standing_of, with_overrides
from tradepool.services.trading.together import Together

NAMES = {MANDATE.strategy_id: "trend"}
LOSS = Limit(scope=LimitScope.PLATFORM, name="", word="daily_loss_max", value=Decimal("0.05"), action=Action.HALT)
PLAN = RiskPlan(limits=(LOSS,), clusters={}, deployment="abcdefgh")
ASKED = Deed(time_ms=1, by="me", what="risk resume", scope="platform", reason="looked")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    opened = open_store(tmp_path / "t.sqlite", "NORMAL")
    yield opened
    dispose(opened)


def house(
    connection: Connection, clock: VirtualClock, plan: RiskPlan = PLAN
) -> tuple[TradingDesk, RiskDesk, list[AccountActor]]:
    """A desk with its limits, and accounts that are expected there."""
    journal = DatabaseJournal(connection)
    desk, crowd = TradingDesk(clock, journal, MINUTE_MS), actors(journal, Decimal(10_000))
    risk = RiskDesk(plan, DatabaseRisk(connection), clock, desk, NAMES)
    for actor in crowd:
        desk.expect(actor.account.mandate)
        risk.merged(actor.account.mandate)
    return desk, risk, crowd


def stood(actor: AccountActor) -> Standing:
    """An account as limits see it."""
    return standing_of(actor, NAMES, actor.account.wallet)


def up(desk: TradingDesk, risk: RiskDesk, actor: AccountActor) -> None:
    """An account has come up."""
    desk._kept.pop(actor.account.account.id)
    desk._take_on(actor)
    desk._up.add(actor.account.account.id)
    risk.admit(actor)


def test_a_halt_of_a_limit_is_in_force_in_its_own_process(connection: Connection) -> None:
    rows = DatabaseDeployment(connection, Deployment(id="abcdefgh", kind=Kind.PRACTICE))
    assert rows.halts() == []
    halt = Halt(scope=Scope(ScopeKind.PLATFORM, "abcdefgh"), since_ms=1, by="risk", reason="x")
    DatabaseRisk(connection).halt(halt)
    assert rows.halts() == [halt]


@pytest.mark.parametrize("together", [True, False])
def test_limits_look_when_every_account_has_acted(connection: Connection, together: bool) -> None:
    clock, seen = VirtualClock(MINUTE_MS), list[int]()
    desk, risk, crowd = house(connection, clock)
    desk.together = Together(DatabaseJournal(connection)) if together else None
    for actor in crowd:
        up(desk, risk, actor)

    async def main() -> None:
        async def nobody(actor: AccountActor) -> None:
            raise AssertionError(actor)

        running = [asyncio.create_task(actor.run(nobody)) for actor in crowd]
        await asyncio.sleep(0)
        looked = asyncio.Event()

        def told() -> None:
            risk.after_batch()
            asyncio.get_running_loop().call_soon(lambda: seen.append(sum(bool(a.account.orders) for a in crowd)))
            asyncio.get_running_loop().call_soon(looked.set)

        desk.on_told = told
        desk.on_batch(MINUTE_MS, [signal(BTC)])
        await looked.wait()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    asyncio.run(main())
    assert seen == [COUNT]


def test_who_comes_up_later_hears_that_a_person_let_it_trade_on(connection: Connection) -> None:
    clock, store = VirtualClock(MINUTE_MS), DatabaseRisk(connection)
    store.resume("platform", [], ASKED)
    desk, risk, crowd = house(connection, clock)
    assert store.resumed() == ["platform"]
    for number, actor in enumerate(crowd, 1):
        up(desk, risk, actor)
        clock.advance_to(MINUTE_MS + number * 1_000)
        risk.uses()
        assert store.resumed() == ([] if number == COUNT else ["platform"])
    assert [actor._inbox.qsize() for actor in crowd] == [1] * COUNT
    # Only what was read is over.
    store.resume("user.ann", [], ASKED)
    store.all_resumed(["platform"])
    assert store.resumed() == ["user.ann"]


def test_a_store_that_takes_nothing_halts_nobody_and_lets_nothing_in(connection: Connection) -> None:
    clock, store = VirtualClock(MINUTE_MS), DatabaseRisk(connection)
    desk, risk, crowd = house(connection, clock)
    for actor in crowd:
        up(desk, risk, actor)
        risk.limits.stands(replace(stood(actor), day_equity=Decimal(20_000)))
    connection.exec_driver_sql("create trigger no before insert on risk_trip begin select raise(abort, 'full'); end")
    connection.commit()
    risk._look()
    assert (store.trips(), desk.halted, len(risk.limits.trips)) == ([], {}, 1)
    assert risk.may_enter(entry_of(crowd[0])) == Denial.DISK_FULL
    connection.exec_driver_sql("drop trigger no")
    connection.commit()
    clock.advance_to(MINUTE_MS + 1_000)
    risk.uses()
    assert [trip.key for trip in store.trips()] == ["platform.daily_loss_max"]
    halted = DatabaseDeployment(connection, Deployment(id="abcdefgh", kind=Kind.PRACTICE)).halts()
    assert [str(halt.scope) for halt in halted] == ["platform abcdefgh"]


def test_a_limit_that_flattens_is_told_to_who_is_about_to_hold_something(connection: Connection) -> None:
    """An entry that rests would be a position after it."""
    clock, plan = VirtualClock(MINUTE_MS), replace(PLAN, limits=(replace(LOSS, action=Action.FLATTEN),))
    desk, risk, crowd = house(connection, clock, plan)
    crowd[0].handle(CandlesClosed(time_ms=MINUTE_MS, signals=(signal(BTC),)))
    for actor in crowd:
        up(desk, risk, actor)
        risk.limits.stands(replace(stood(actor), day_equity=Decimal(20_000)))
    risk._look()
    assert [actor._inbox.qsize() for actor in crowd] == [1] + [0] * (COUNT - 1)
    assert crowd[0]._inbox.get_nowait() == FlattenAsked(time_ms=MINUTE_MS, markets=(BTC.id,))


def test_the_first_who_hears_of_a_new_day_may_enter_whatever_the_one_before_lost(connection: Connection) -> None:
    """All others have not heard of midnight yet; one of them is stopped and never will."""
    clock, plan = VirtualClock(DAY_MS), replace(PLAN, limits=(replace(LOSS, action=Action.REDUCE_ONLY),))
    desk, risk, crowd = house(connection, clock, plan)
    for actor in crowd:
        actor.handle(CandlesClosed(time_ms=DAY_MS, signals=(signal(BTC, exposure=0.0, time_ms=DAY_MS),)))
        actor.account.wallet[step.CASH] -= actor.account.wallet[step.CASH] * 6 // 100
        up(desk, risk, actor)
    risk._look()
    assert [trip.until_ms for trip in risk.limits.trips.values()] == [2 * DAY_MS]
    clock.advance_to(2 * DAY_MS)
    enters(crowd[0], 2 * DAY_MS)
    (entry,) = crowd[0].account.unanswered()
    assert risk.may_enter(entry) == ""
    risk._look()
    assert [trip.until_ms for trip in risk.limits.trips.values()] == [2 * DAY_MS]


@pytest.mark.parametrize("acts_first", [False, True])
def test_what_a_person_lets_trade_on_is_not_reached_again_before_the_account_has_heard(
    connection: Connection, acts_first: bool
) -> None:
    """The look that reads it goes by that, whatever else the account does until it hears."""
    clock, store = VirtualClock(DAY_MS), DatabaseRisk(connection)
    loss = limit(f"user.{ACCOUNT.user}.daily_loss_max", "0.05", Action.FLATTEN)
    desk, risk, crowd = house(connection, clock, replace(PLAN, limits=(loss,)))
    for actor in crowd:
        actor.handle(CandlesClosed(time_ms=DAY_MS, signals=(signal(BTC, exposure=0.0, time_ms=DAY_MS),)))
        up(desk, risk, actor)
        loses(actor, risk)
    risk._look()
    assert [trip.key for trip in store.trips()] == [loss.key]
    store.resume(f"user.{ACCOUNT.user}", [loss.key], ASKED)
    clock.advance_to(DAY_MS + 1_000)
    if acts_first:
        risk.uses()
        for actor in crowd:
            actor._settled()
    risk._look()
    assert store.trips() == []
    assert [len(hears(actor)) for actor in crowd] == [1] * COUNT
    risk._look()
    assert store.trips() == []
    assert risk.limits.figure(loss, clock.now_ms()) == 0
    # What is lost from there on counts.
    for actor in crowd:
        loses(actor, risk)
    assert risk.limits.figure(loss, clock.now_ms()) == Decimal("0.06")


def loses(actor: AccountActor, risk: RiskDesk) -> None:
    """6 %."""
    actor.account.wallet[step.CASH] -= actor.account.wallet[step.CASH] * 6 // 100
    risk._stands(actor)


def hears(actor: AccountActor) -> list[Event]:
    """All that waits in an account's inbox is taken in."""
    heard = list[Event]()
    while not actor._inbox.empty():
        event = actor._inbox.get_nowait()
        assert isinstance(event, FlattenAsked | EntriesResumed)
        actor.handle(event)
        actor._settled()
        heard.append(event)
    return heard


def test_a_halt_is_written_before_what_was_reached(connection: Connection) -> None:
    """Who is killed in between halts again; the other way round nobody would."""
    desk, risk, crowd = house(connection, VirtualClock(MINUTE_MS))
    up(desk, risk, crowd[0])
    risk.limits.stands(replace(stood(crowd[0]), day_equity=Decimal(20_000)))
    connection.exec_driver_sql("create trigger no before insert on risk_trip begin select raise(abort, 'killed'); end")
    connection.commit()
    risk._look()
    halts = DatabaseDeployment(connection, Deployment(id="abcdefgh", kind=Kind.PRACTICE)).halts()
    assert ([str(halt.scope) for halt in halts], DatabaseRisk(connection).trips()) == (["platform abcdefgh"], [])


@pytest.mark.parametrize("told_first", [True, False])
def test_a_restart_within_a_candle_knows_what_was_taken_of_its_volume(connection: Connection, told_first: bool) -> None:
    """One was filled, one refused, one had not left, and one was filled on the candle before."""
    clock, share = VirtualClock(3 * MINUTE_MS), limit("platform.volume_share_max", "0.1")
    plan = replace(PLAN, limits=(share,))
    desk, risk, crowd = house(connection, clock, plan)
    filled, refused, unsent, earlier = crowd[:4]
    enters(earlier, MINUTE_MS)
    for actor in (filled, refused, unsent):
        enters(actor, 2 * MINUTE_MS)
    for actor in (filled, earlier):
        (entry,) = actor.account.unanswered()
        bought = {"market": entry.market, "quantity": entry.quantity, "price": Decimal(100), "fee": Decimal(0)}
        bought |= {"client_order_id": entry.client_order_id, "account": entry.account}
        actor.handle(OrderFilled(fill=fill(time_ms=entry.time_ms + 300, **bought)))
    (entry,) = refused.account.unanswered()
    denied = OrderRejected(time_ms=2 * MINUTE_MS, client_order_id=entry.client_order_id, reason=Denial.VOLUME_SHARE)
    refused.handle(denied)

    candle = Candle(
        market=BTC,
        timeframe_ms=MINUTE_MS,
        open_time_ms=MINUTE_MS,
        open=100.0,
        high=100.0,
        low=100.0,
        close=100.0,
        volume=1_000.0,
    )
    desk, risk, crowd = house(connection, clock, plan)
    if told_first:
        risk.candle(candle)
    for actor in crowd:
        up(desk, risk, actor)
    if not told_first:
        risk.candle(candle)
    other = replace(entry_of(crowd[9]), quantity=Decimal(60), market=BTC.id)
    assert risk.limits.figure(share, clock.now_ms(), other) == Decimal("0.1")
    # What had not left is asked for again, and counts once.
    (entry,) = crowd[2].account.unanswered()
    assert [risk.may_enter(entry), risk.may_enter(entry), risk.may_enter(other)] == ["", "", Denial.VOLUME_SHARE]
    risk.candle(replace(candle, open_time_ms=2 * MINUTE_MS))
    assert risk.limits.figure(share, clock.now_ms(), other) == Decimal("0.06")


def test_a_restart_knows_of_the_entries_that_rest(connection: Connection) -> None:
    """One has bought a part, one nothing yet; what has not left is asked for again, and counts once it may go."""
    exposure, positions = limit("platform.exposure_max", "8000"), limit("platform.positions_max", "2")
    clock, plan = VirtualClock(MINUTE_MS), replace(PLAN, limits=(exposure, positions))
    _, _, crowd = house(connection, clock, plan)
    for actor in crowd[:3]:
        rests = replace(actor.account.mandate, entry=EntryOrder(kind=EntryKind.POST_ONLY))
        actor.handle(MandateChanged(time_ms=1, mandate=rests))
        enters(actor, MINUTE_MS)
    for actor in crowd[:2]:
        (entry,) = actor.account.unanswered()
        name = entry.client_order_id
        actor.handle(OrderAccepted(time_ms=MINUTE_MS, client_order_id=name, venue_order_id=VenueOrderId("1")))
    (entry,) = crowd[0].working()
    said = {"client_order_id": entry.client_order_id, "account": entry.account, "quantity": Decimal(10)}
    crowd[0].handle(OrderFilled(fill=fill(time_ms=MINUTE_MS, price=Decimal(100), fee=Decimal(0), **said)))
    desk, risk, crowd = house(connection, clock, plan)
    for actor in crowd:
        up(desk, risk, actor)
    assert [risk.limits.figure(each, clock.now_ms()) for each in (exposure, positions)] == [8_000, 2]
    (unsent,) = crowd[2].account.unanswered()
    assert risk.may_enter(unsent) == Denial.SCOPE_EXPOSURE


def test_an_override_that_can_stand_no_more_keeps_no_other_from_its_mandate() -> None:
    """Its market may be traded no more, since it was set."""
    key = f"mandate.{MANDATE.id}."
    said = {"market_notional_max.DOGE/USDT": Decimal(5), "positions_max": Decimal(1)}
    wanted = [Override(key=key + word, value=value, since_ms=1, by="x", reason="y") for word, value in said.items()]
    limits = with_overrides(MANDATE, wanted).limits
    assert (limits.positions_max, limits.market_notional_max) == (1, MANDATE.limits.market_notional_max)


def enters(actor: AccountActor, time_ms: int) -> None:
    """A candle says so: 40 at 100."""
    actor.handle(CandlesClosed(time_ms=time_ms, signals=(signal(BTC, time_ms=time_ms),)))


def entry_of(actor: AccountActor) -> OrderRequest:
    """What an account would enter with."""
    return replace(any_entry("a", BTC.id), account=actor.account.account.id)
