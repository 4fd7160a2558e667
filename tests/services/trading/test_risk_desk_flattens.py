"""What a limit flattens, beside accounts: whatever was on its way, refused or lost in a crash is sold; a person's own is not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from sqlalchemy import Connection

from tests.core.risk.test_live_limits import limit
from tests.nouns import BTC, MINUTE_MS, fill
from tests.services.trading.test_risk_desk import PLAN, connection, enters, hears, house, up
from tradepool.domain.by_hand import FlattenAsked, PositionAdopted
from tradepool.domain.denial import Denial
from tradepool.domain.event import OrderAccepted, OrderCancelled, OrderFilled, OrderRejected
from tradepool.domain.ids import VenueOrderId
from tradepool.domain.limit import Action
from tradepool.domain.order import OrderRequest, Purpose
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.risk_desk import RiskDesk

__all__ = ["connection"]

EXPOSURE = limit("platform.exposure_max", "5000", Action.FLATTEN)


def tripped(connection: Connection, clock: VirtualClock) -> tuple[RiskDesk, AccountActor, AccountActor, OrderRequest]:
    """An entry has gone out and is on its way when that of the second account is too much: all is to be sold."""
    desk, risk, crowd = house(connection, clock, replace(PLAN, limits=(EXPOSURE,)))
    first, second = crowd[:2]
    for actor in (first, second):
        up(desk, risk, actor)
        enters(actor, MINUTE_MS)
    ((on_its_way,), (too_much,)) = (actor.account.unanswered() for actor in (first, second))
    assert [risk.may_enter(on_its_way), risk.may_enter(too_much)] == ["", Denial.SCOPE_EXPOSURE]
    return risk, first, second, on_its_way


def bought(actor: AccountActor, entry: OrderRequest, time_ms: int) -> None:
    """All of it, at 100."""
    said = {"client_order_id": entry.client_order_id, "account": entry.account, "quantity": entry.quantity}
    actor.handle(OrderFilled(fill=fill(time_ms=time_ms, price=Decimal(100), fee=Decimal(0), **said)))
    actor._settled()


def leaving(actor: AccountActor) -> bool:
    """Whether all that an account holds is being sold."""
    held = [slot for slot in actor.account.slots.values() if slot.held]
    return bool(held) and all(slot.leaving(actor.account.orders) for slot in held)


def test_what_was_on_its_way_when_a_limit_flattened_is_sold_when_it_has_come(connection: Connection) -> None:
    clock = VirtualClock(MINUTE_MS)
    risk, first, _, entry = tripped(connection, clock)
    hears(first)
    bought(first, entry, MINUTE_MS + 300)
    assert hears(first) == [FlattenAsked(time_ms=MINUTE_MS, markets=(BTC.id,))]
    assert leaving(first)
    # It leaves already; nobody is asked twice.
    risk._look()
    assert hears(first) == []


def test_a_sale_of_a_limit_that_flattens_that_was_refused_is_asked_for_with_the_next_candle(
    connection: Connection,
) -> None:
    clock = VirtualClock(MINUTE_MS)
    risk, first, _, entry = tripped(connection, clock)
    bought(first, entry, MINUTE_MS + 300)
    (stop,) = first.account.unanswered()
    first.handle(
        OrderAccepted(time_ms=MINUTE_MS, client_order_id=stop.client_order_id, venue_order_id=VenueOrderId("1"))
    )
    hears(first)
    first.handle(OrderCancelled(time_ms=MINUTE_MS, client_order_id=stop.client_order_id))
    (sale,) = first.account.unanswered()
    assert sale.purpose is Purpose.FLATTEN
    first.handle(OrderRejected(time_ms=MINUTE_MS, client_order_id=sale.client_order_id, reason="venue_rejected"))
    first._settled()
    assert (hears(first), leaving(first)) == ([], False)
    # Whatever makes others look meanwhile.
    risk._look()
    assert hears(first) == []
    clock.advance_to(clock.now_ms() + MINUTE_MS)
    risk._look()
    assert (len(hears(first)), leaving(first)) == (1, True)


def test_a_sale_that_the_venue_goes_on_refusing_is_asked_for_ever_less_often(connection: Connection) -> None:
    """Each time the stop is taken off the book for it."""
    clock = VirtualClock(MINUTE_MS)
    risk, first, _, entry = tripped(connection, clock)
    bought(first, entry, MINUTE_MS + 300)
    hears(first)
    asked = []
    for minute in range(1, 200):
        for order in first.account.unanswered():
            first.handle(
                OrderRejected(time_ms=clock.now_ms(), client_order_id=order.client_order_id, reason="venue_rejected")
            )
        clock.advance_to((1 + minute) * MINUTE_MS)
        risk._look()
        asked += [minute] * len(hears(first))
    assert [later - sooner for sooner, later in pairwise(asked)] == [2, 4, 8, 16, 32, 60, 60]


def test_who_comes_up_after_a_limit_flattened_is_sold_too(connection: Connection) -> None:
    """Killed before the account had heard; or up for the first time."""
    clock = VirtualClock(MINUTE_MS)
    _, first, _, entry = tripped(connection, clock)
    first.handle(
        OrderFilled(fill=fill(client_order_id=entry.client_order_id, account=entry.account, time_ms=MINUTE_MS))
    )
    desk, risk, crowd = house(connection, clock, replace(PLAN, limits=(EXPOSURE,)))
    for actor in crowd:
        up(desk, risk, actor)
    hears(crowd[0])
    assert leaving(crowd[0])


@pytest.mark.parametrize(("late_ms", "kept"), [(0, False), (2 * MINUTE_MS, True)])
def test_what_a_person_takes_over_after_a_limit_flattened_is_his_to_keep(
    connection: Connection, late_ms: int, kept: bool
) -> None:
    clock = VirtualClock(MINUTE_MS)
    risk, _, second, _ = tripped(connection, clock)
    hears(second)
    (refused,) = second.account.unanswered()
    at_ms, name = MINUTE_MS + late_ms, refused.client_order_id
    second.handle(OrderRejected(time_ms=MINUTE_MS, client_order_id=name, reason=Denial.SCOPE_EXPOSURE))
    one, price, stop = Decimal(1), Decimal(100), Decimal(90)
    second.handle(PositionAdopted(time_ms=at_ms, market=BTC.id, quantity=one, price=price, stop_price=stop))
    second._settled()
    risk._look()
    hears(second)
    assert leaving(second) is not kept
