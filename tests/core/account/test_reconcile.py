"""What a look-up makes of an unanswered intent, as a table."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.nouns import BTC, MINUTE_MS, request
from tradepool.core.account.reconcile import aged_out, answer, too_old
from tradepool.domain.event import Event, OrderAccepted, OrderCancelled, OrderRejected
from tradepool.domain.ids import VenueOrderId
from tradepool.domain.order import Order, OrderStatus, Purpose, Side

NAME = request().client_order_id
VENUE_ID = VenueOrderId("7")
FOUND = [
    (OrderStatus.ACCEPTED, OrderAccepted(time_ms=1, client_order_id=NAME, venue_order_id=VENUE_ID)),
    (OrderStatus.CANCELLED, OrderCancelled(time_ms=2, client_order_id=NAME, filled_quantity=Decimal(0))),
    (OrderStatus.REJECTED, OrderRejected(time_ms=2, client_order_id=NAME, reason="venue_rejected")),
    (OrderStatus.FILLED, OrderAccepted(time_ms=1, client_order_id=NAME, venue_order_id=VENUE_ID)),
]


@pytest.mark.parametrize(("status", "event"), FOUND)
def test_the_venues_word_is_taken(status: OrderStatus, event: Event) -> None:
    """However old the intent is."""
    order = Order(
        client_order_id=NAME,
        venue_order_id=VENUE_ID,
        market=BTC.id,
        status=status,
        filled_quantity=Decimal(0),
        time_ms=1,
        updated_ms=2,
    )
    assert answer(order) == event


def test_what_an_order_at_work_has_filled_is_told_with_it() -> None:
    filled = Decimal("0.5")
    order = Order(
        client_order_id=NAME,
        venue_order_id=VENUE_ID,
        market=BTC.id,
        status=OrderStatus.ACCEPTED,
        filled_quantity=filled,
        time_ms=1,
        updated_ms=2,
    )
    assert answer(order) == OrderAccepted(
        time_ms=1, client_order_id=NAME, venue_order_id=VENUE_ID, filled_quantity=filled
    )


@pytest.mark.parametrize(
    ("purpose", "side", "age_ms", "again"),
    [
        (Purpose.ENTRY, Side.BUY, MINUTE_MS - 1, True),
        (Purpose.ENTRY, Side.BUY, MINUTE_MS, False),
        (Purpose.MANUAL, Side.BUY, MINUTE_MS, False),
        (Purpose.MANUAL, Side.SELL, 10**9, True),
        (Purpose.STOP, Side.SELL, 10**9, True),
        (Purpose.SIGNAL_EXIT, Side.SELL, 10**9, True),
    ],
)
def test_an_unknown_order_goes_out_again_unless_it_is_a_stale_entry(
    purpose: Purpose, side: Side, age_ms: int, again: bool
) -> None:
    """What reduces risk is never too old."""
    asked = request(purpose=purpose, side=side)
    assert too_old(asked, asked.time_ms + age_ms, MINUTE_MS) is not again


def test_an_entry_that_aged_out_is_rejected_by_that_name() -> None:
    """At the time it is noticed."""
    assert aged_out(request(), 5) == OrderRejected(time_ms=5, client_order_id=NAME, reason="aged_out")
