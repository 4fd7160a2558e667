"""Limits that may not wait, and one that may only rest, through our gateway and unmodified ccxt: answers, stream, look-ups."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.gateway_kit import Desk, desk, order, play
from tests.contract.orders_kit import DEEP, make_venue
from tests.simexchange.exchange_kit import Row, flat
from tradepool.domain.denial import Denial
from tradepool.domain.event import Event, OrderAccepted, OrderCancelled, OrderFilled, OrderRejected
from tradepool.domain.fill import Liquidity
from tradepool.domain.ids import client_order_id
from tradepool.domain.order import OrderStatus, OrderType, TimeInForce
from tradepool.ports.exchange import OutcomeUnknown
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.records import Kind, Tif
from tradepool.simexchange.tls import TlsFiles

NAME = client_order_id(1, 1)
AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
FALLS: list[Row] = [*flat(1), (100, 101, 90, 92), *flat(5, 92)]


def limit(price: str, wait: TimeInForce, **changes: Any) -> dict[str, Any]:
    """A buy of a tenth of a bitcoin, at most at a price."""
    return {"type": OrderType.LIMIT, "price": Decimal(price), "time_in_force": wait, **changes}


def fills(events: Sequence[Event]) -> list[tuple[Decimal, Decimal, Liquidity]]:
    """Price, quantity and liquidity of each fill."""
    found = [each.fill for each in events if isinstance(each, OrderFilled)]
    return [(fill.price, fill.quantity, fill.liquidity) for fill in found]


def ends(events: Sequence[Event]) -> list[tuple[str, Decimal | None]]:
    """Orders that left the book, with what they had filled."""
    return [(each.client_order_id, each.filled_quantity) for each in events if isinstance(each, OrderCancelled)]


@pytest.mark.parametrize(
    ("wait", "kind", "tif"),
    [
        (TimeInForce.GTC, Kind.LIMIT, Tif.GTC),
        (TimeInForce.IOC, Kind.LIMIT, Tif.IOC),
        (TimeInForce.FOK, Kind.LIMIT, Tif.FOK),
        (TimeInForce.POST_ONLY, Kind.LIMIT_MAKER, Tif.GTC),
    ],
)
def test_each_is_the_venues_own_kind_of_order(files: TlsFiles, wait: TimeInForce, kind: Kind, tif: Tif) -> None:
    async def story(at: Desk) -> None:
        assert isinstance(await at.submit(**limit("99.5", wait)), OrderAccepted)
        (there,) = at.orders
        assert (there.kind, there.tif, there.limit_ticks) == (kind, tif, 9_950)
        found = await at.gateway.look_up(order(**limit("99.5", wait)).request)
        assert found is not None
        assert (found.type, found.price, found.filled_quantity) == (OrderType.LIMIT, Decimal("99.5"), Decimal(0))
        assert found.status is (OrderStatus.CANCELLED if wait in AT_ONCE else OrderStatus.ACCEPTED)

    play(files, story, flat(5))


@pytest.mark.parametrize("wait", AT_ONCE)
def test_one_that_may_not_wait_is_filled_or_ends(files: TlsFiles, wait: TimeInForce) -> None:
    """Taken either way, so the answer accepts both; the stream tells what became of them."""

    async def story(at: Desk) -> None:
        await at.listen()
        assert isinstance(await at.submit(1, **limit("99.99", wait)), OrderAccepted)
        assert isinstance(await at.submit(2, **limit("100", wait)), OrderAccepted)
        await at.until(lambda: fills(at.events))
        assert ends(at.events) == [(NAME, Decimal(0))]
        assert fills(at.events) == [(Decimal(100), Decimal("0.1"), Liquidity.TAKER)]

    play(files, story, flat(5))


@pytest.mark.parametrize(("wait", "some"), [(TimeInForce.IOC, True), (TimeInForce.FOK, False)])
def test_where_less_is_offered_one_gets_a_part_and_the_other_nothing(
    files: TlsFiles, wait: TimeInForce, some: bool
) -> None:
    """A book of finite depth, asked for four bitcoin."""
    venue = make_venue(depth=DEEP)

    async def story() -> None:
        async with desk(venue, files) as at:
            await at.listen()
            assert isinstance(await at.submit(steps=4_000, **limit("100.2", wait)), OrderAccepted)
            await at.until(lambda: ends(at.events))
            got = sum((quantity for _, quantity, _ in fills(at.events)), Decimal(0))
            assert (0 < got < 4) is some
            assert ends(at.events) == [(NAME, got)]
            assert isinstance(at.events[-1], OrderCancelled)
            found = await at.gateway.look_up(order(steps=4_000, **limit("100.2", wait)).request)
            assert found is not None
            assert (found.status, found.filled_quantity) == (OrderStatus.CANCELLED, got)

    asyncio.run(asyncio.wait_for(story(), 60))


def test_one_that_may_wait_takes_what_there_is_and_rests_with_the_rest(files: TlsFiles) -> None:
    """The answer says how much it has taken; the rest is a maker's when the price comes to it."""
    venue = make_venue(FALLS, depth=DEEP)

    async def story() -> None:
        async with desk(venue, files) as at:
            await at.listen()
            accepted = await at.submit(steps=4_000, **limit("100.2", TimeInForce.GTC))
            await at.settle()
            took = sum((quantity for _, quantity, _ in fills(at.events)), Decimal(0))
            assert isinstance(accepted, OrderAccepted)
            assert (0 < took < 4, accepted.filled_quantity, ends(at.events)) == (True, took, [])
            at.venue.step_bars(2)
            await at.until(lambda: at.orders[0].left_steps == 0)
            await at.settle()
            *parts, last = fills(at.events)
            assert ({how for _, _, how in parts}, last) == (
                {Liquidity.TAKER},
                (Decimal("100.2"), 4 - took, Liquidity.MAKER),
            )

    asyncio.run(asyncio.wait_for(story(), 60))


def test_one_that_may_only_rest_is_a_makers_or_refused_by_its_own_name(files: TlsFiles) -> None:
    async def story(at: Desk) -> None:
        await at.listen()
        refused = await at.submit(1, **limit("100", TimeInForce.POST_ONLY))
        assert isinstance(refused, OrderRejected)
        assert (refused.reason, at.orders) == (Denial.WOULD_TAKE, [])
        assert isinstance(await at.submit(2, **limit("99", TimeInForce.POST_ONLY)), OrderAccepted)
        at.venue.step_bars(2)
        await at.until(lambda: fills(at.events))
        assert fills(at.events) == [(Decimal(99), Decimal("0.1"), Liquidity.MAKER)]

    play(files, story, FALLS)


@pytest.mark.parametrize("wait", AT_ONCE)
@pytest.mark.parametrize(
    ("price", "status", "filled"),
    [("99.99", OrderStatus.CANCELLED, "0"), ("100", OrderStatus.FILLED, "0.1")],
)
def test_a_lost_answer_is_found_as_it_ended(
    files: TlsFiles, wait: TimeInForce, price: str, status: OrderStatus, filled: str
) -> None:
    async def story(at: Desk) -> None:
        at.faults.add(Fault(kind="silence", route="POST /api/v3/order", last=1, accepted=True), at.venue.now_ms)
        with pytest.raises(OutcomeUnknown):
            await at.submit(**limit(price, wait))
        found = await at.gateway.look_up(order(**limit(price, wait)).request)
        assert found is not None
        assert (found.status, found.filled_quantity) == (status, Decimal(filled))

    play(files, story, flat(5))


def test_a_refusal_whose_answer_was_lost_is_heard_when_it_is_sent_again(files: TlsFiles) -> None:
    """The venue has no such order, so it goes out once more, under its name."""
    wish = limit("100", TimeInForce.POST_ONLY)

    async def story(at: Desk) -> None:
        at.faults.add(Fault(kind="silence", route="POST /api/v3/order", last=1, accepted=True), at.venue.now_ms)
        with pytest.raises(OutcomeUnknown):
            await at.submit(**wish)
        assert await at.gateway.look_up(order(**wish).request) is None
        again = await at.submit(**wish)
        assert isinstance(again, OrderRejected)
        assert (again.reason, at.orders) == (Denial.WOULD_TAKE, [])

    play(files, story, flat(5))
