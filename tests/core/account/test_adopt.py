"""Orders of our own that a restored journal does not know: booked, taken over, and what is held is protected."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.core.account.test_account import HOLD, LEAVE, Story, cancels, orders
from tests.nouns import ACCOUNT, BTC, ETH, fill, request, signal
from tradepool.core.account import account_step as step
from tradepool.domain.command import Cancel, Command, RecordTrade
from tradepool.domain.errors import BrokenLaw
from tradepool.domain.event import OrderCancelled, OrdersAdopted, TermsSeen
from tradepool.domain.fill import Fill
from tradepool.domain.ids import ClientOrderId, FillId, client_order_id
from tradepool.domain.order import OrderRequest, OrderStatus, OrderType, Purpose, Side

LATER_MS = 10 * 60_000


def bought(number: int, **changes: object) -> OrderRequest:
    """A lost entry of two coins."""
    plain = request(client_order_id=client_order_id(ACCOUNT.number, number), quantity=Decimal(2), time_ms=LATER_MS)
    return replace(plain, **changes)  # type: ignore[arg-type]


def stop(number: int, price: str = "91.50", quantity: str = "1.998") -> OrderRequest:
    """A lost stop."""
    return bought(
        number,
        side=Side.SELL,
        type=OrderType.STOP_LOSS,
        purpose=Purpose.STOP,
        stop_price=Decimal(price),
        quantity=Decimal(quantity),
    )


def sold(number: int, quantity: str = "1.998") -> OrderRequest:
    """A lost sale."""
    return bought(number, side=Side.SELL, purpose=Purpose.SIGNAL_EXIT, quantity=Decimal(quantity))


def fill_of(order: OrderRequest, price: str, number: int) -> Fill:
    """All of it."""
    side = order.side
    fee = order.quantity / 1_000 if side is Side.BUY else order.quantity * Decimal(price) / 1_000
    return fill(
        fill_id=FillId(str(number)),
        client_order_id=order.client_order_id,
        side=side,
        price=Decimal(price),
        quantity=order.quantity,
        fee=fee.quantize(Decimal("1e-8")),
        fee_asset="BTC" if side is Side.BUY else "USDT",
        time_ms=LATER_MS,
    )


def adopt(
    story: Story, requests: list[OrderRequest], fills: list[Fill], resting: list[ClientOrderId] | None = None
) -> list[Command]:
    """Hear of them."""
    return story.account.apply(
        OrdersAdopted(
            time_ms=LATER_MS,
            market=BTC.id,
            requests=tuple(requests),
            fills=tuple(fills),
            resting=tuple(resting or ()),
        )
    )


def test_a_position_and_its_stop_are_taken_over() -> None:
    """Nothing is sent; candles from before were acted on; the next order has a name nobody has used."""
    story, entry, guard = Story(), bought(4), stop(5)
    assert adopt(story, [entry, guard], [fill_of(entry, "100.00", 1)], [guard.client_order_id]) == []
    assert story.account.changed
    (position,) = story.account.positions()
    assert (position.quantity, position.average_entry_price) == (Decimal("1.998"), Decimal(100))
    assert position.stop_price == Decimal("91.50")
    slot = story.account.slots[BTC.id]
    assert (slot.stop, slot.entry, slot.row[step.RESTING]) == (guard.client_order_id, None, 1)
    assert list(story.account.orders) == [guard.client_order_id]
    assert story.account.as_of_ms == LATER_MS
    story.time = LATER_MS
    assert cancels(story.candles(signal(**LEAVE))) == [guard.client_order_id]
    (sale,) = orders(story.cancelled(guard.client_order_id))
    assert sale.client_order_id == client_order_id(ACCOUNT.number, 6)


def test_a_position_without_a_stop_is_protected_at_the_last_level() -> None:
    """The stop was being replaced when the lost life ended."""
    story, entry, first, last = Story(), bought(4), stop(5), stop(6, "93.25")
    (guard,) = orders(adopt(story, [entry, first, last], [fill_of(entry, "100.00", 1)]))
    assert (guard.type, guard.stop_price, guard.quantity) == (OrderType.STOP_LOSS, Decimal("93.25"), Decimal("1.998"))
    assert list(story.account.orders) == [guard.client_order_id]


@pytest.mark.parametrize("rests", [True, False])
def test_what_no_stop_was_found_with_has_its_strategys_from_the_next_close_on(rests: bool) -> None:
    """The entry was filled before its stop could be placed; or it rests, and is filled now."""
    story, entry = Story(), bought(4)
    story.time = LATER_MS
    if rests:
        assert adopt(story, [entry], [], [entry.client_order_id]) == []
        assert story.fill(entry, "100.00") == []
    else:
        assert adopt(story, [entry], [fill_of(entry, "100.00", 1)]) == []
    (position,) = story.account.positions()
    assert (position.quantity, position.stop_price) == (Decimal("1.998"), None)
    (guard,) = orders(story.candles(signal(**HOLD, close=102.0, high=103.0, stop_distance=4.5)))
    assert (guard.type, guard.stop_price, guard.purpose) == (OrderType.STOP_LOSS, Decimal("95.50"), Purpose.STOP)
    assert story.account.changed
    story.accept(guard)
    # It is the entry's from then on: another distance moves it no more.
    assert story.candles(signal(**HOLD, stop_distance=1.0)) == []


@pytest.mark.parametrize(("distance", "level"), [(0.01, "99.99"), (500.0, "0.01")])
def test_an_adopted_positions_first_stop_is_a_tick_away_and_above_nothing_at_least(distance: float, level: str) -> None:
    story, entry = Story(), bought(4)
    story.time = LATER_MS
    story.account.slots[BTC.id].terms[step.SMALLEST_SELL] = 0
    adopt(story, [entry], [fill_of(entry, "100.00", 1)])
    (guard,) = orders(story.candles(signal(**HOLD, close=102.0, high=103.0, stop_distance=distance)))
    assert guard.stop_price == Decimal(level)


@pytest.mark.parametrize("tick", ["0.001", "0.1"])
def test_a_distance_that_is_not_known_yet_is_not_counted_on_another_grid(tick: str) -> None:
    story, entry = Story(), bought(4)
    story.time = LATER_MS
    adopt(story, [entry], [fill_of(entry, "100.00", 1)])
    story.account.apply(TermsSeen(time_ms=story.time, markets=(replace(BTC, price_tick=Decimal(tick)),), anew=True))
    (guard,) = orders(story.candles(signal(**HOLD, close=102.0, high=103.0, stop_distance=4.5)))
    assert guard.stop_price == Decimal("95.5")


def test_without_a_stop_rule_an_adopted_position_stays_without_a_stop() -> None:
    """And a strategy's trailing stop begins as ever; who is to leave does."""
    for trail, stopped in ((0.0, None), (6.0, Decimal("95.00"))):
        story, entry = Story(), bought(4)
        story.time = LATER_MS
        adopt(story, [entry], [fill_of(entry, "100.00", 1)])
        placed = orders(story.candles(signal(**HOLD, stop_distance=0.0, trail_distance=trail)))
        assert [order.stop_price for order in placed] == ([stopped] if stopped else [])
        assert story.account.positions()[0].stop_price == stopped
    story, entry = Story(), bought(4)
    story.time = LATER_MS
    adopt(story, [entry], [fill_of(entry, "100.00", 1)])
    (sale,) = orders(story.candles(signal(**LEAVE)))
    assert sale.purpose is Purpose.SIGNAL_EXIT


def test_a_known_position_keeps_its_level_when_its_stop_is_gone() -> None:
    """Part of it was sold in the lost time."""
    story = Story()
    old = story.enter()
    part = sold(9, "10")
    (guard,) = orders(adopt(story, [part], [fill_of(part, "101.00", 7)]))
    assert (guard.stop_price, guard.quantity) == (old.stop_price, Decimal("29.96"))
    assert list(story.account.orders) == [guard.client_order_id]


def test_a_round_trip_in_the_lost_time_is_a_trade() -> None:
    """A known position was sold, another one bought and sold: money and trades as they were."""
    story = Story()
    old = story.enter()
    cash = story.account.cash
    leave = sold(7, "39.96")
    (record,) = adopt(story, [leave], [fill_of(leave, "110.00", 2)])
    assert isinstance(record, RecordTrade)
    assert record.trade.exit_reason is Purpose.SIGNAL_EXIT
    gained = Decimal("39.96") * 110 * Decimal("0.999")
    assert story.account.cash == cash + gained
    assert (story.account.positions(), dict(story.account.orders)) == ([], {})
    assert old.client_order_id not in story.account.orders
    entry, leave = bought(8), sold(9)
    (record,) = adopt(story, [entry, leave], [fill_of(entry, "50.00", 3), fill_of(leave, "40.00", 4)])
    assert isinstance(record, RecordTrade)
    assert record.trade.quantity == 2
    assert record.trade.pnl == Decimal("1.998") * 40 * Decimal("0.999") - 100


def test_an_order_that_rests_without_a_position_is_taken_away() -> None:
    """And not replaced; then the account enters as before, there and elsewhere."""
    for market in (BTC, ETH):
        story, guard = Story(), stop(5)
        assert adopt(story, [guard], [], [guard.client_order_id]) == [Cancel(guard.client_order_id, BTC.id)]
        gone = OrderCancelled(time_ms=LATER_MS, client_order_id=guard.client_order_id)
        assert story.account.apply(gone) == []
        assert story.account.orders == {}
        story.time = LATER_MS
        assert len(orders(story.candles(signal(market)))) == 1


def test_an_exit_or_entry_that_rests_goes_on() -> None:
    """It is the slot's, and nothing new is decided before it is final."""
    story, entry, leave = Story(), bought(4), sold(5)
    assert adopt(story, [entry, leave], [fill_of(entry, "100.00", 1)], [leave.client_order_id]) == []
    assert story.account.slots[BTC.id].exit == leave.client_order_id
    other, more = Story(), bought(4)
    assert adopt(other, [more], [], [more.client_order_id]) == []
    assert other.account.slots[BTC.id].entry == more.client_order_id


def test_a_reserve_ends_with_its_order() -> None:
    """An entry of the journal that is not there any more."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    assert story.account.wallet[step.RESERVED] > 0
    adopt(story, [stop(9)], [])
    assert story.account.wallet[step.RESERVED] == 0
    assert entry.client_order_id not in story.account.orders


def test_two_stops_that_guard_less_than_is_held_become_one_that_guards_it_all() -> None:
    """Both leave the book first; the level is the younger one's."""
    story, entry, first, last = Story(), bought(4), stop(5, "90.00", "0.9"), stop(6, "93.25", "1.09")
    names = [first.client_order_id, last.client_order_id]
    assert adopt(story, [entry, first, last], [fill_of(entry, "100.00", 1)], names) == [
        Cancel(name, BTC.id) for name in names
    ]
    assert story.cancelled(first.client_order_id) == []
    (placed,) = orders(story.cancelled(last.client_order_id))
    assert (placed.type, placed.stop_price, placed.quantity) == (
        OrderType.STOP_LOSS,
        Decimal("93.25"),
        Decimal("1.998"),
    )


def test_a_stop_that_was_being_replaced_leaves_the_younger_in_charge() -> None:
    """The end of the other one changes nothing."""
    story, entry, first, last = Story(), bought(4), stop(5, "90.00"), stop(6, "93.25")
    names = [first.client_order_id, last.client_order_id]
    assert adopt(story, [entry, first, last], [fill_of(entry, "100.00", 1)], names) == []
    assert story.account.slots[BTC.id].stops == [last.client_order_id]
    assert story.cancelled(first.client_order_id) == []


def test_a_fill_of_nobodys_order_breaks_the_law() -> None:
    story, entry = Story(), bought(4)
    with pytest.raises(BrokenLaw, match="every fill has our intent"):
        adopt(story, [], [fill_of(entry, "100.00", 1)])


def target(number: int, price: str = "110.00", quantity: str = "1.998") -> OrderRequest:
    """A lost target."""
    return bought(
        number,
        side=Side.SELL,
        type=OrderType.LIMIT,
        purpose=Purpose.TARGET,
        price=Decimal(price),
        quantity=Decimal(quantity),
    )


def test_what_rests_was_answered_and_an_exit_that_rests_is_all_there_is() -> None:
    """Though a stop had stood for what it sells. A market order that is not over yet is owed its end."""
    story, entry, guard, leave = Story(), bought(4), stop(5), sold(6)
    assert adopt(story, [entry, guard, leave], [fill_of(entry, "100.00", 1)], [leave.client_order_id]) == []
    assert [order.status for order in story.account.orders.values()] == [OrderStatus.ACCEPTED]
    assert story.account.unanswered() == [leave]
    assert story.account.slots[BTC.id].row[step.STOP] == 9_150


def test_the_level_is_the_last_stops_whatever_was_ordered_after_it() -> None:
    story, entry, guard, leave = Story(), bought(4), stop(5, "0.01"), sold(6, "0.5")
    fills = [fill_of(entry, "100.00", 1), fill_of(leave, "101.00", 2)]
    (again,) = orders(adopt(story, [entry, guard, leave], fills))
    assert (again.stop_price, again.quantity, again.purpose) == (Decimal("0.01"), Decimal("1.498"), Purpose.STOP)
    assert story.account.slots[BTC.id].row[step.RESTING] == 0


def test_a_trailing_stop_that_was_lost_trails_on() -> None:
    story, entry, guard = Story(), bought(4), replace(stop(5), purpose=Purpose.TRAILING)
    (again,) = orders(adopt(story, [entry, guard], [fill_of(entry, "100.00", 1)]))
    assert again.purpose is Purpose.TRAILING


def test_a_level_that_no_order_stood_for_is_kept_while_something_is_held() -> None:
    """The venue had refused the stop; then part of it was sold, and then the rest."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (guard,) = orders(story.fill(entry, "100.00"))
    story.reject(guard, "venue_rejected")
    part, rest = sold(9, "10"), sold(11, "29.96")
    (again,) = orders(adopt(story, [part], [fill_of(part, "101.00", 7)]))
    assert again.stop_price == Decimal(95)
    adopt(story, [rest], [fill_of(rest, "101.00", 8)])
    assert story.account.slots[BTC.id].row[step.STOP] == 0


def test_stops_that_guard_all_of_it_together_stay() -> None:
    story, entry, first, last = Story(), bought(4), stop(5, "90.00", "0.9"), stop(6, "93.25", "1.098")
    names = [first.client_order_id, last.client_order_id]
    assert adopt(story, [entry, first, last], [fill_of(entry, "100.00", 1)], names) == []
    assert story.account.slots[BTC.id].stops == names


def test_a_stop_and_a_target_for_the_same_coins_are_a_pair() -> None:
    """Targets that nobody here decided on make room for stops alone: of each pair the stop is cancelled."""
    story, entry = Story(), bought(4)
    lows, highs = [stop(n, quantity="0.999") for n in (5, 6)], [target(n, quantity="0.999") for n in (7, 8)]
    names = [order.client_order_id for order in (*lows, *highs)]
    found = adopt(story, [entry, *lows, *highs], [fill_of(entry, "100.00", 1)], names)
    assert cancels(found) == names[:2]
    working = story.account.orders
    assert [working[name].partner for name in names] == [names[2], names[3], names[0], names[1]]
    assert story.account.slots[BTC.id].targets == names[2:]


def test_a_target_for_other_coins_is_nobodys_partner() -> None:
    story, entry, low, high = Story(), bought(4), stop(5, quantity="0.9"), target(6, quantity="1.098")
    names = [low.client_order_id, high.client_order_id]
    found = adopt(story, [entry, low, high], [fill_of(entry, "100.00", 1)], names)
    assert cancels(found) == names
    assert [story.account.orders[name].partner for name in names] == [None, None]
