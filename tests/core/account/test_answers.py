"""The venue's answers to the letter: what each of them leaves of an order, of its partner, and of the account."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.core.account.test_account import HOLD, LEAVE, Story, cancels, orders, refusals
from tests.core.account.test_protection import LADDER, PART, REST, end, ladder, moving, pairs, trades
from tests.nouns import ACCOUNT, BTC, ETH, MINUTE_MS, fill, signal
from tradepool.core.account import account_step as step
from tradepool.domain.balance import Balance
from tradepool.domain.by_hand import FlattenAsked
from tradepool.domain.command import Cancel, RecordRefusal
from tradepool.domain.denial import Denial
from tradepool.domain.errors import BrokenLaw
from tradepool.domain.event import (
    OFF_NEW_GRID,
    AccountOpened,
    CancelRefused,
    CandlesClosed,
    ForeignOrder,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    StreamLost,
    StreamRestored,
)
from tradepool.domain.ids import ClientOrderId, FillId, MarketId, VenueOrderId
from tradepool.domain.order import OrderStatus, Purpose, Refusal

STRANGE = ClientOrderId("web_1")


def test_an_account_is_opened_once_and_candles_of_before_are_history() -> None:
    story = Story()
    assert (story.account.as_of_ms, story.account.changed) == (0, False)
    held = (Balance(account=ACCOUNT.id, asset="USDT", free=Decimal(1), locked=Decimal(0)),)
    for time_ms, news in ((5 * MINUTE_MS, True), (9 * MINUTE_MS, False)):
        story.account.apply(AccountOpened(time_ms=time_ms, balances=held))
        assert (story.account.changed, story.account.as_of_ms) == (news, 5 * MINUTE_MS)
    story.time = 4 * MINUTE_MS
    assert story.candles(signal()) == []
    assert len(orders(story.candles(signal(ETH)))) == 1


def test_only_candles_are_read_again() -> None:
    for event, at in (
        (StreamLost(time_ms=MINUTE_MS, why="it broke"), 0),
        (CandlesClosed(time_ms=MINUTE_MS, signals=()), 1),
    ):
        story = Story()
        story.account.as_of_ms = MINUTE_MS
        story.account.rereads(event)
        assert story.account.batch.time_ms == at * MINUTE_MS


def test_what_somebody_else_ordered_is_told_as_it_was_heard() -> None:
    """Accepted, its market is not said; filled, it is, and the fill is in the books."""
    accepted = OrderAccepted(time_ms=7, client_order_id=STRANGE, venue_order_id=VenueOrderId("v"))
    filled = OrderFilled(fill=fill(client_order_id=STRANGE, time_ms=7, market=ETH.id))
    for event, market in ((accepted, MarketId("binance")), (filled, ETH.id)):
        story = Story()
        refusal = Refusal(account=ACCOUNT.id, market=market, time_ms=7, reason=Denial.FOREIGN_ORDER)
        told = [(story.account.apply(event), story.account.changed) for _ in range(2)]
        assert told == [([RecordRefusal(refusal)], True), ([], False)]
        assert story.account.foreign == ForeignOrder(time_ms=7, name=STRANGE, market=market)
        assert story.account.booked(ETH.id, FillId("1")) is (event is filled)
        assert not story.account.booked(BTC.id, FillId("1"))


def test_a_second_fill_of_somebody_elses_is_booked_though_nothing_new_is_said() -> None:
    story = Story()
    for number in "12":
        story.account.apply(OrderFilled(fill=fill(fill_id=FillId(number), client_order_id=STRANGE)))
        assert story.account.changed
        assert story.account.booked(BTC.id, FillId(number))


def test_a_fill_without_an_intent_is_told_by_its_name() -> None:
    with pytest.raises(BrokenLaw, match=r"^every fill has our intent does not hold: 1 on binance:BTC/USDT has none;"):
        Story().account.apply(OrderFilled(fill=fill()))


def test_the_end_of_an_order_that_nobody_knows_is_no_news() -> None:
    story = Story()
    for event in (
        OrderRejected(time_ms=1, client_order_id=STRANGE, reason="why"),
        OrderCancelled(time_ms=1, client_order_id=STRANGE, filled_quantity=Decimal(1)),
    ):
        assert story.account.apply(event) == []
        assert not story.account.changed


def test_an_order_that_ended_after_fills_we_lack_waits_for_them() -> None:
    """Its end counts when they are booked: what they sold is not guarded twice."""
    story = Story()
    stop = story.enter()
    ended = OrderCancelled(time_ms=story.time, client_order_id=stop.client_order_id, filled_quantity=Decimal(5))
    assert story.account.apply(ended) == []
    order = story.account.orders[stop.client_order_id]
    assert (order.owed, order.status) == (True, OrderStatus.ACCEPTED)
    assert story.fill(stop, "95.00", Decimal(5)) == []
    # Its end is still owed: nobody would ask for it, and what is held would be bare.
    assert order.owed
    (again,) = orders(story.account.apply(ended))
    assert (again.stop_price, again.quantity) == (stop.stop_price, stop.quantity - 5)
    assert story.account.changed


def test_an_entry_that_ends_short_leaves_what_it_bought_as_it_is_guarded() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00", Decimal(10)))
    story.accept(stop)
    assert story.account.apply(OrderCancelled(time_ms=story.time, client_order_id=entry.client_order_id)) == []
    assert story.account.changed
    slot = story.account.slots[BTC.id]
    assert (slot.entry, slot.stop, story.account.wallet[step.RESERVED]) == (None, stop.client_order_id, 0)
    assert story.account.slots[ETH.id].stop is None


def test_a_sale_in_place_of_a_stop_that_ends_after_one_step_is_guarded_again() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00"))
    (sale,) = orders(story.reject(stop, "would_trigger"))
    story.fill(sale, "94.00", BTC.quantity_step)
    (again,) = orders(end(story, sale, filled="0.00001"))
    assert (again.stop_price, again.quantity) == (Decimal(95), stop.quantity - BTC.quantity_step)


def test_a_sale_in_place_of_a_stop_that_sells_nothing_waits_for_the_next_candle() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00"))
    (sale,) = orders(story.reject(stop, "would_trigger"))
    assert end(story, sale) == []
    assert story.account.changed
    assert len(orders(story.candles(signal(**HOLD)))) == 1


def test_the_orders_of_a_pair_know_each_other_while_both_may_trade() -> None:
    story = Story()
    (low, first), (stop, _) = ladder(story)
    account = story.account
    assert (account.partner_of(low), account.partner_of(first)) == (first, low)
    end(story, low)
    assert account.partner_of(first) is None
    lone = Story()
    assert lone.account.partner_of(lone.enter()) is None
    story.candles(signal(**LEAVE))
    waiting = [Cancel(each.client_order_id, BTC.id) for each in (stop, first)]
    assert sorted(account.cancelling(), key=str) == sorted(waiting, key=str)


def test_what_was_refused_before_a_sale_is_forgotten_with_it() -> None:
    """A stop beside the sale was passed too; the next position's stop is not sold for it."""
    story = Story()
    (low, first), (stop, second) = moving(story)
    for order in (low, first):
        story.reject(order, "would_trigger")
    story.accept(second)
    (sale,) = orders(story.accept(stop))
    story.fill(sale, "105.00")
    assert len(trades(story.fill(stop, "103.00"))) == 1
    slot = story.account.slots[BTC.id]
    assert (slot.passed, slot.after_cancel, slot.sell_steps) == (False, step.NOTHING, 0)


def test_what_is_being_sold_is_not_guarded_when_a_cancel_beside_it_is_refused() -> None:
    story = Story()
    (low, first), (stop, second) = moving(story)
    for order in (low, first):
        story.reject(order, "would_trigger")
    story.accept(second)
    story.accept(stop)
    story.account.apply(FlattenAsked(time_ms=story.time, markets=(BTC.id,)))
    refused = CancelRefused(time_ms=story.time, client_order_id=stop.client_order_id, reason="venue_rejected")
    commands = story.account.apply(refused)
    assert (orders(commands), refusals(commands)) == ([], ["cancel_refused"])


def test_an_entry_that_was_refused_is_told_and_nothing_else_happens() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (refused,) = story.reject(entry, "insufficient_cash")
    refusal = Refusal(account=ACCOUNT.id, market=BTC.id, time_ms=story.time, reason="insufficient_cash")
    assert refused == RecordRefusal(refusal)
    assert story.account.slots[BTC.id].row[step.UNSELLABLE] == 0
    assert story.account.orders == {}


def test_a_half_that_is_cancelled_beside_a_part_that_is_not_is_guarded_as_the_rest() -> None:
    story = Story()
    (low, first), (stop, second) = ladder(story)
    story.candles(signal(close=101.0, **LEAVE))
    end(story, stop, second)
    refused = CancelRefused(time_ms=story.time, client_order_id=low.client_order_id, reason="venue_rejected")
    ((_, far),) = pairs(story.account.apply(refused))
    assert (far.quantity, far.price) == (REST, Decimal(110))
    assert first.client_order_id in story.account.orders


@pytest.mark.parametrize("bound", ["STEPS_MIN", "SMALLEST_SELL"])
def test_a_part_is_apart_up_to_the_least_that_is_sold(bound: str) -> None:
    """The rest is 19.96 coins, worth so much at the stop of 95."""
    for more, prices in ((0, [Decimal(104), Decimal(110)]), (1, [Decimal(110)])):
        story = Story()
        (low, first), (stop, second) = ladder(story)
        slot = story.account.slots[BTC.id]
        least = {"STEPS_MIN": BTC.steps(REST), "SMALLEST_SELL": BTC.quote_units(REST * 95)}
        slot.terms[getattr(step, bound)] = least[bound] + more
        assert [high.price for _, high in pairs(end(story, low, first, stop, second))] == prices


def test_a_stop_that_review_refuses_is_told_and_not_sent() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal()))
    slot = story.account.slots[BTC.id]
    slot.relist(replace(BTC, quantity_min=Decimal(50)), BTC)
    assert refusals(story.fill(entry, "100.00")) == ["quantity_off_grid"]
    assert (slot.stops, story.account.orders) == ([], {})
    story = Story()
    (entry,) = orders(story.candles(signal(**LADDER)))
    slot = story.account.slots[BTC.id]
    slot.relist(replace(BTC, quantity_min=Decimal(50)), BTC)
    assert refusals(story.fill(entry, "100.00")) == ["quantity_off_grid"] * 4
    assert (slot.guards, story.account.orders) == ([], {})


def test_half_of_a_ladder_that_is_half_guarded_is_sold_anew_on_another_grid() -> None:
    """A sale that was never sent is made anew for what no stop stands for, though a step more may be held."""
    story = Story()
    (low, first), (stop, second) = moving(story)
    for order in (low, first):
        story.reject(order, "would_trigger")
    story.accept(second)
    (sale,) = orders(story.accept(stop))
    (again,) = orders(story.reject(sale, OFF_NEW_GRID))
    assert (again.quantity, again.purpose, again.time_ms) == (PART, Purpose.TRAILING, story.time)
    assert story.account.orders[again.client_order_id].part
    story.account.apply(FlattenAsked(time_ms=story.time, markets=(BTC.id,)))
    assert orders(story.reject(again, OFF_NEW_GRID)) == []
    (all_of_it,) = orders(end(story, stop, second))
    assert (all_of_it.quantity, all_of_it.purpose) == (PART + REST, Purpose.FLATTEN)


@pytest.mark.parametrize(("price", "reason"), [("103.50", Purpose.TRAILING), ("103.51", Purpose.TARGET)])
def test_a_sale_in_place_of_a_pair_is_named_after_the_level_it_is_nearer_to(price: str, reason: Purpose) -> None:
    """The venue says of both orders only that the price is not between them: here from 103 to 104."""
    story = Story()
    (low, first), (stop, second) = moving(story)
    for order in (low, first, stop):
        story.reject(order, "would_trigger")
    (sale,) = orders(story.reject(second, "would_trigger"))
    (trade,) = trades(story.fill(sale, price))
    assert trade.exit_reason is reason


@pytest.mark.parametrize(("part", "apart"), [("0.11", True), ("0.10", False), ("39.86", False), ("39.85", True)])
def test_a_part_is_apart_while_both_can_be_sold_at_the_stop(part: str, apart: bool) -> None:
    """At 95 a tenth of a coin is worth less than 10.03."""
    story = Story()
    (low, first), (stop, second) = ladder(story)
    slot = story.account.slots[BTC.id]
    slot.row[step.PART] = BTC.steps(Decimal(part))
    again = pairs(end(story, low, first, stop, second))
    found = [high.price for _, high in (again or pairs(story.candles(signal(**HOLD))))]
    assert found == ([Decimal(104), Decimal(110)] if apart else [Decimal(110)])


def test_a_pair_that_is_moved_does_not_rest_until_the_venue_has_it() -> None:
    story = Story()
    (low, _), _ = moving(story)
    slot = story.account.slots[BTC.id]
    assert (slot.row[step.RESTING], slot.stops[0]) == (0, low.client_order_id)
    story.accept(low)
    assert slot.row[step.RESTING] == 1


def test_nothing_is_entered_while_nothing_is_heard_of_orders() -> None:
    story = Story()
    story.account.apply(StreamLost(time_ms=0, why="it broke"))
    assert refusals(story.candles(signal())) == ["stream_down"]
    story.account.apply(StreamRestored(time_ms=0))
    assert len(orders(story.candles(signal()))) == 1


@pytest.mark.parametrize("in_base", [True, False])
def test_a_sale_of_more_than_is_left_is_refused_and_the_rest_guarded_at_once(in_base: bool) -> None:
    """A stop beside it was charged a fee in coins meanwhile. Else it waits for the next candle, not to go in circles."""
    story = Story()
    (low, first), (stop, second) = moving(story)
    for order in (low, first):
        story.reject(order, "would_trigger")
    story.accept(second)
    (sale,) = orders(story.accept(stop))
    charged: dict[str, Any] = {"fee": Decimal("0.02"), "fee_asset": "BTC"} if in_base else {}
    assert story.fill(stop, "103.00", **charged) == []
    again = pairs(story.reject(sale, "insufficient_cash"))
    assert [low.quantity for low, _ in again] == ([PART - Decimal("0.02")] if in_base else [])


def test_a_late_entry_is_refused_with_its_market_and_its_time() -> None:
    story = Story()
    (refused,) = story.candles(signal(ETH, **LADDER), late=True)
    refusal = Refusal(account=ACCOUNT.id, market=ETH.id, time_ms=story.time, reason=Denial.AGED_OUT)
    assert refused == RecordRefusal(refusal)
    assert refusals([refused]) == ["aged_out"]
    assert cancels([refused]) == []
