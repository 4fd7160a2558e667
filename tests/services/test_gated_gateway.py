"""Only entries are held back, at the last moment, each with its reason; what reduces risk is never asked about."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from tests.nouns import BTC, request
from tradepool.core.risk.review import review
from tradepool.domain.event import Event, OrderAccepted, OrderRejected
from tradepool.domain.ids import VenueOrderId
from tradepool.domain.order import ApprovedOrder, OrderRequest, Purpose, Refusal, Side
from tradepool.ports.exchange import AccountGateway, Still
from tradepool.runtime.clock import VirtualClock
from tradepool.services.gated_gateway import GatedGateway


class Wire:
    """A gateway that takes everything, and remembers what."""

    def __init__(self) -> None:
        self.sent: list[Purpose] = []

    async def submit(self, order: ApprovedOrder, still: Still) -> Event:
        assert still()
        self.sent.append(order.request.purpose)
        name = order.request.client_order_id
        return OrderAccepted(time_ms=0, client_order_id=name, venue_order_id=VenueOrderId("1"))

    def here(self) -> str:
        return "the wire's own"


def approved(wish: OrderRequest) -> ApprovedOrder:
    verdict = review(wish, BTC, held_steps=10**9, spendable_units=1)
    assert not isinstance(verdict, Refusal)
    return verdict


@pytest.mark.parametrize(("side", "sent"), [(Side.BUY, False), (Side.SELL, True)])
@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.MANUAL, Purpose.STOP])
def test_what_adds_risk_is_refused_by_name_and_nothing_else_is(purpose: Purpose, side: Side, sent: bool) -> None:
    wire, asked = Wire(), list[OrderRequest]()

    def may_enter(wish: OrderRequest) -> str:
        asked.append(wish)
        return "halted"

    gated = GatedGateway(cast("AccountGateway", wire), may_enter, VirtualClock(7))
    wish = request(purpose=purpose, side=side)
    answer = asyncio.run(gated.submit(approved(wish), lambda: True))
    assert (wire.sent == [purpose]) == sent
    if not sent:
        assert answer == OrderRejected(time_ms=7, client_order_id=wish.client_order_id, reason="halted")
    assert asked == ([] if sent else [wish])


def test_an_entry_that_may_goes_out_and_the_rest_is_the_gateways() -> None:
    wire = Wire()
    gated = GatedGateway(cast("AccountGateway", wire), lambda wish: "", VirtualClock(7))
    assert isinstance(asyncio.run(gated.submit(approved(request(purpose=Purpose.ENTRY)), lambda: True)), OrderAccepted)
    assert wire.sent == [Purpose.ENTRY]
    assert gated.here() == "the wire's own"  # type: ignore[operator]
