"""Targets where the venue holds a stop or a target for the same coins, not both: the stop rests, the price is watched."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tests.core.account.test_account import HOLD, LEAVE, Story, cancels, orders, refusals
from tests.core.account.test_entries import RESTING, entering
from tests.core.account.test_protection import LADDER, PART, REST, pairs, trades
from tests.nouns import BTC, signal
from tradepool.core.account import account_step as step
from tradepool.domain.command import Command
from tradepool.domain.event import CancelRefused, PriceSeen, TermsSeen
from tradepool.domain.mandate import EntryKind
from tradepool.domain.order import OrderRequest, OrderType, Purpose

ALL = Decimal("39.96")


def entered(**targets: float) -> tuple[Story, OrderRequest]:
    """A position from 100 with a stop that rests at 95."""
    story = Story()
    story.account.apply(TermsSeen(time_ms=0, markets=(replace(BTC, pairs=False),)))
    return story, story.enter(signal(**(targets or LADDER)))


def see(story: Story, price: str) -> list[Command]:
    """The watchdog has seen a price."""
    return story.account.apply(PriceSeen(time_ms=story.time, market=BTC.id, price=Decimal(price)))


def test_one_stop_rests_for_all_and_each_target_is_sold_when_the_price_is_there() -> None:
    """The part at the first, the rest, under its stop again, at the second."""
    story, stop = entered()
    assert (stop.type, stop.quantity, stop.stop_price) == (OrderType.STOP_LOSS, ALL, Decimal(95))
    assert see(story, "103.99") == []
    assert not story.account.changed
    assert cancels(see(story, "104.00")) == [stop.client_order_id]
    assert see(story, "104.00") == [], "the stop is on its way out"
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert (sale.type, sale.quantity, sale.purpose) == (OrderType.MARKET, PART, Purpose.TARGET)
    (stop,) = orders(story.fill(sale, "104.05"))
    assert (stop.type, stop.quantity, stop.stop_price) == (OrderType.STOP_LOSS, REST, Decimal(95))
    assert see(story, "110.00") == [], "the venue has not answered for the stop"
    story.accept(stop)
    assert see(story, "109.99") == []
    see(story, "110.00")
    (sale,) = orders(story.cancelled(stop.client_order_id))
    (trade,) = trades(story.fill(sale, "109.90"))
    assert (sale.quantity, trade.exit_reason, trade.quantity) == (REST, Purpose.TARGET, Decimal(40))


def test_a_stop_that_is_hit_before_it_makes_way_stays_what_it_is() -> None:
    story, stop = entered(first_target=4.0, second_target=0.0, target_share=1.0)
    assert cancels(see(story, "104.00")) == [stop.client_order_id]
    (trade,) = trades(story.fill(stop, "94.90"))
    assert trade.exit_reason is Purpose.STOP
    assert not story.account.slots[BTC.id].busy


def test_a_stop_that_does_not_make_way_is_asked_again_at_the_next_price() -> None:
    story, stop = entered(first_target=4.0, second_target=0.0, target_share=1.0)
    see(story, "104.00")
    refused = CancelRefused(time_ms=story.time, client_order_id=stop.client_order_id, reason="venue_rejected")
    story.account.apply(refused)
    assert cancels(see(story, "104.00")) == [stop.client_order_id]


def test_a_sale_that_is_refused_leaves_the_position_under_its_stop() -> None:
    story, stop = entered()
    see(story, "104.00")
    (sale,) = orders(story.cancelled(stop.client_order_id))
    (again,) = orders(story.reject(sale, "venue_rejected"))
    assert (again.type, again.quantity, again.stop_price) == (OrderType.STOP_LOSS, ALL, Decimal(95))
    story.accept(again)
    assert cancels(see(story, "104.00")) == [again.client_order_id]


def test_what_has_no_stop_in_the_book_is_sold_at_its_target_at_once() -> None:
    """The stop was refused."""
    story, stop = entered()
    story.candles(signal(**HOLD, **LADDER, high=102.0, trail_distance=5.0))
    (moved,) = orders(story.cancelled(stop.client_order_id))
    assert refusals(story.reject(moved, "venue_rejected")) == ["venue_rejected"]
    (sale,) = orders(see(story, "104.00"))
    assert (sale.type, sale.quantity, sale.purpose) == (OrderType.MARKET, PART, Purpose.TARGET)


@RESTING
def test_what_a_resting_entry_bought_is_sold_at_its_target(kind: EntryKind) -> None:
    """It may go on to rest."""
    story = entering(kind)
    story.account.apply(TermsSeen(time_ms=0, markets=(replace(BTC, pairs=False),)))
    (entry,) = orders(story.candles(signal(**LADDER)))
    story.accept(entry)
    (stop,) = orders(story.fill(entry, "100.00", Decimal(10)))
    story.accept(stop)
    assert cancels(see(story, "104.00")) == [stop.client_order_id]


def test_a_part_that_is_too_small_to_be_sold_now_waits() -> None:
    story, stop = entered()
    story.account.slots[BTC.id].terms[step.SMALLEST_SELL] = BTC.quote_units(Decimal("2090"))
    assert see(story, "104.00") == []
    assert cancels(see(story, "104.50")) == [stop.client_order_id]


def test_what_has_only_a_target_rests_there_as_everywhere() -> None:
    story = Story()
    story.account.apply(TermsSeen(time_ms=0, markets=(replace(BTC, pairs=False),)))
    alone = signal(stop_distance=0.0, first_target=4.0, target_share=1.0)
    (entry,) = orders(story.candles(alone))
    (target,) = orders(story.fill(entry, "100.00"))
    assert (target.type, target.price) == (OrderType.LIMIT, Decimal(104))
    assert see(story, "105.00") == []
    story.accept(target)
    assert see(story, "105.00") == []


def test_a_venue_that_holds_pairs_again_gets_them_with_the_next_move_of_the_stop() -> None:
    """Until then the price is watched on."""
    story, stop = entered()
    story.account.apply(TermsSeen(time_ms=1, markets=(replace(BTC, pairs=True),), anew=True))
    assert story.account.slots[BTC.id].awaits_target(story.account.orders)
    moved = signal(**HOLD, **LADDER, high=102.0, trail_distance=5.0)
    assert cancels(story.candles(moved)) == [stop.client_order_id]
    (low, first), (rest, second) = pairs(story.cancelled(stop.client_order_id))
    assert [low.stop_price, rest.stop_price, first.price, second.price] == [97, 97, 104, 110]
    assert see(story, "104.00") == []


def out_of_band(story: Story, *pair: OrderRequest) -> list[Command]:
    """The venue will not have a pair, as its target is too far from the price; what comes of the second word on it."""
    commands: list[Command] = []
    for order in pair:
        commands = story.reject(order, "venue_rejected")
    return commands


def test_a_pair_that_the_venue_refuses_for_its_target_leaves_the_stop_alone_and_the_target_watched() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal(second_target=50.0)))
    (pair,) = pairs(story.fill(entry, "100.00"))
    (stop,) = orders(out_of_band(story, *pair))
    assert (stop.type, stop.quantity, stop.stop_price) == (OrderType.STOP_LOSS, ALL, Decimal(95))
    story.accept(stop)
    assert story.candles(signal(**HOLD)) == [], "it is not tried again at each candle"
    assert cancels(see(story, "150.00")) == [stop.client_order_id]
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert (sale.type, sale.quantity, sale.purpose) == (OrderType.MARKET, ALL, Purpose.TARGET)


def test_a_stop_that_the_venue_refuses_alone_too_is_not_asked_for_in_circles() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal(second_target=50.0)))
    (pair,) = pairs(story.fill(entry, "100.00"))
    (stop,) = orders(out_of_band(story, *pair))
    assert orders(story.reject(stop, "venue_rejected")) == []


def test_of_a_ladder_only_the_pair_that_is_refused_is_a_stop_alone() -> None:
    """Its target is watched once the first is met."""
    story = Story()
    (entry,) = orders(story.candles(signal(**{**LADDER, "second_target": 50.0})))
    (low, first), far = pairs(story.fill(entry, "100.00"))
    for order in (low, first):
        story.accept(order)
    (stop,) = orders(out_of_band(story, *far))
    assert (stop.type, stop.quantity) == (OrderType.STOP_LOSS, REST)
    story.accept(stop)
    assert orders(story.fill(first, "104.00")) == []
    assert cancels(see(story, "150.00")) == [stop.client_order_id]


def test_a_stop_alone_is_for_no_more_than_nothing_else_stands_for() -> None:
    """A part was sold at the other stop meanwhile, and that was charged a fee in coins."""
    story = Story()
    (entry,) = orders(story.candles(signal(**{**LADDER, "second_target": 50.0})))
    (low, first), far = pairs(story.fill(entry, "100.00"))
    for order in (low, first):
        story.accept(order)
    story.fill(low, "95.00", Decimal(5), fee=Decimal("0.02"), fee_asset="BTC")
    (stop,) = orders(out_of_band(story, *far))
    assert stop.quantity == REST - Decimal("0.02")


def test_a_part_whose_pair_was_refused_is_closed_by_its_stop_alone() -> None:
    """What is left has one target, the far one, when it is guarded anew."""
    story = Story()
    (entry,) = orders(story.candles(signal(**{**LADDER, "target_share": 0.25})))
    near, (low, far) = pairs(story.fill(entry, "100.00"))
    for order in (low, far):
        story.accept(order)
    (stop,) = orders(out_of_band(story, *near))
    story.accept(stop)
    assert story.fill(stop, "95.00") == []
    story.cancelled(low.client_order_id)
    ((_, again),) = pairs(story.cancelled(far.client_order_id))
    assert (again.price, again.quantity) == (Decimal(110), far.quantity)


def test_a_pair_that_is_refused_while_its_position_is_to_be_sold_leaves_it_to_that() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal(second_target=50.0)))
    (pair,) = pairs(story.fill(entry, "100.00"))
    story.candles(signal(**LEAVE))
    (sale,) = orders(out_of_band(story, *pair))
    assert (sale.type, sale.purpose) == (OrderType.MARKET, Purpose.SIGNAL_EXIT)
