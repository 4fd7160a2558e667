"""A stop and a target as one, through our gateway and unmodified ccxt: what is answered, told and found (C-818 to C-824)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.gateway_kit import Desk, order, play
from tests.simexchange.exchange_kit import flat
from tradepool.domain.command import Cancel
from tradepool.domain.event import (
    Event,
    ForeignOrder,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
)
from tradepool.domain.fill import Liquidity
from tradepool.domain.ids import ClientOrderId, client_order_id
from tradepool.domain.order import OrderStatus, OrderType, Purpose, Side
from tradepool.ports.exchange import OutcomeUnknown
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.tls import TlsFiles

LOW, HIGH = client_order_id(1, 1), client_order_id(1, 2)
FALLS = [*flat(1), (100, 101, 90, 92), *flat(5, 92)]
RISES = [*flat(1), (100, 110, 99, 108), *flat(5, 108)]


async def pair(at: Desk, stop: str = "95", target: str = "105", steps: int = 100) -> list[Event]:
    """A stop and a target for a tenth of a bitcoin; the answers."""
    await at.feed.time_ms()
    sell: dict[str, Any] = {"side": Side.SELL, "steps": steps}
    low = order(1, type=OrderType.STOP_LOSS, stop_price=Decimal(stop), purpose=Purpose.STOP, **sell)
    high = order(2, type=OrderType.LIMIT, price=Decimal(target), purpose=Purpose.TARGET, **sell)
    return list(await at.gateway.submit_pair(low, high))


def named(events: Sequence[Event], kind: type[Event]) -> list[ClientOrderId]:
    """The orders that events of a kind are about."""
    return [ClientOrderId(getattr(each, "client_order_id", "")) for each in events if isinstance(each, kind)]


def test_both_are_taken_and_told(files: TlsFiles) -> None:
    """C-818: the answer accepts both, and so does the stream; the coins are held once; each is found by its name."""

    async def story(at: Desk) -> None:
        await at.listen()
        answers = await pair(at)
        assert named(answers, OrderAccepted) == [LOW, HIGH]
        await at.settle()
        assert named(at.events, OrderAccepted) == [LOW, HIGH]
        (held,) = [each.locked for each in await at.gateway.balances() if each.asset == "BTC"]
        assert held == Decimal("0.1")
        # What they are is told too: who finds them after a restore knows the stop from the target.
        low, high = sorted(await at.gateway.open_orders(at.markets[0]), key=lambda each: each.client_order_id)
        assert (low.client_order_id, low.status, low.type) == (LOW, OrderStatus.ACCEPTED, OrderType.STOP_LOSS)
        assert (low.stop_price, low.price) == (Decimal(95), None)
        assert (high.client_order_id, high.status, high.type) == (HIGH, OrderStatus.ACCEPTED, OrderType.LIMIT)
        assert (high.stop_price, high.price) == (None, Decimal(105))

    play(files, story, flat(5))


@pytest.mark.parametrize(("stop", "target"), [("100", "105"), ("101", "105"), ("95", "100"), ("95", "99")])
def test_a_pair_that_the_price_has_passed_is_refused(files: TlsFiles, stop: str, target: str) -> None:
    """C-819: both, for the one reason, whichever side it is."""

    async def story(at: Desk) -> None:
        answers = await pair(at, stop, target)
        assert named(answers, OrderRejected) == [LOW, HIGH]
        assert {each.reason for each in answers if isinstance(each, OrderRejected)} == {"would_trigger"}
        assert at.orders == []

    play(files, story, flat(5))


@pytest.mark.parametrize(
    ("rows", "trades", "ends", "price", "liquidity"),
    [(RISES, HIGH, LOW, "105", Liquidity.MAKER), (FALLS, LOW, HIGH, "95", Liquidity.TAKER)],
)
def test_the_one_that_trades_ends_the_other(
    files: TlsFiles, rows: list[Any], trades: str, ends: str, price: str, liquidity: Liquidity
) -> None:
    """C-820: a target at its own level as a maker, a stop as a taker; nobody else is thought to have ordered."""

    async def story(at: Desk) -> None:
        await at.listen()
        await pair(at)
        at.venue.step_bars(2)
        await at.until(lambda: any(isinstance(each, OrderFilled) for each in at.events))
        (fill,) = [each.fill for each in at.events if isinstance(each, OrderFilled)]
        assert (fill.client_order_id, fill.price, fill.liquidity) == (trades, Decimal(price), liquidity)
        assert named(at.events, OrderCancelled) == [ends]
        assert named(at.events, ForeignOrder) == []

    play(files, story, rows)


@pytest.mark.parametrize("name", [LOW, HIGH])
def test_who_cancels_one_cancels_both(files: TlsFiles, name: ClientOrderId) -> None:
    """C-821: the answer speaks of both, as does the stream; it is our own doing. A second one finds none."""

    async def story(at: Desk) -> None:
        await at.listen()
        await pair(at)
        answer = await at.gateway.cancel(Cancel(name, at.markets[0].id))
        assert sorted(named(answer, OrderCancelled)) == [LOW, HIGH]
        assert [each.filled_quantity for each in answer if isinstance(each, OrderCancelled)] == [Decimal(0)] * 2
        await at.settle()
        assert sorted(named(at.events, OrderCancelled)) == [LOW, HIGH]
        assert named(at.events, ForeignOrder) == []
        assert await at.gateway.cancel(Cancel(name, at.markets[0].id)) == ()

    play(files, story, flat(5))


def test_a_list_that_somebody_else_cancels_is_seen(files: TlsFiles) -> None:
    """C-822: by the name of his request."""

    async def story(at: Desk) -> None:
        await at.listen()
        await pair(at)
        at.venue.cancel(at.venue.account("key"), "BTCUSDT", client_id=LOW, request_id="web_1")
        await at.settle()
        assert len(named(at.events, OrderCancelled)) == 2
        assert any(isinstance(each, ForeignOrder) for each in at.events)

    play(files, story, flat(5))


def test_a_pair_whose_answer_is_lost_is_found_by_name(files: TlsFiles) -> None:
    """C-823: unknown, and both are there; the same names are not taken twice while they rest."""

    async def story(at: Desk) -> None:
        at.faults.add(Fault(kind="reset", route="POST /api/v3/orderList/oco", last=1, accepted=True), at.venue.now_ms)
        with pytest.raises(OutcomeUnknown):
            await pair(at)
        assert len(at.orders) == 2
        with pytest.raises(OutcomeUnknown):
            await pair(at)
        assert len(at.orders) == 2

    play(files, story, flat(5))


def test_a_pair_too_small_is_refused_by_name(files: TlsFiles) -> None:
    """C-824: the venue's filters hold for each order of it."""

    async def story(at: Desk) -> None:
        answers = await pair(at, steps=1)
        assert {each.reason for each in answers if isinstance(each, OrderRejected)} == {"below_minimum"}

    play(files, story, flat(5))
