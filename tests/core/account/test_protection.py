"""Stops and targets of a live position, as stories: two pairs of a ladder, what ends them, and what the price had passed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.core.account.test_account import HOLD, LEAVE, Story, cancels, orders, refusals
from tests.nouns import BTC, signal
from tradepool.core.account import account_step as step
from tradepool.domain.by_hand import FlattenAsked
from tradepool.domain.command import Command, RecordTrade, Submit
from tradepool.domain.event import CancelRefused, OrderCancelled
from tradepool.domain.order import OrderRequest, OrderType, Purpose
from tradepool.domain.trade import Trade

# A stop 5 below, half at 104, the rest at 110.
LADDER: dict[str, Any] = {"first_target": 4.0, "second_target": 10.0, "target_share": 0.5}
PART, REST = Decimal(20), Decimal("19.96")


def pairs(commands: list[Command]) -> list[tuple[OrderRequest, OrderRequest]]:
    """Stops and targets that are submitted as one."""
    return [(c.order.request, c.target.request) for c in commands if isinstance(c, Submit) and c.target is not None]


def trades(commands: list[Command]) -> list[Trade]:
    """Round trips that were closed."""
    return [command.trade for command in commands if isinstance(command, RecordTrade)]


def ladder(story: Story, **changes: Any) -> list[tuple[OrderRequest, OrderRequest]]:
    """Enter at 100 and let both pairs rest."""
    (entry,) = orders(story.candles(signal(**{**LADDER, **changes})))
    found = pairs(story.fill(entry, "100.00"))
    for pair in found:
        for order in pair:
            assert story.accept(order) == []
    return found


def end(story: Story, *ended: OrderRequest, filled: str = "0") -> list[Command]:
    """Orders leave the book, one after the other; what comes of the last."""
    commands: list[Command] = []
    for order in ended:
        event = OrderCancelled(
            time_ms=story.time, client_order_id=order.client_order_id, filled_quantity=Decimal(filled)
        )
        commands = story.account.apply(event)
    return commands


def test_a_ladder_is_two_pairs() -> None:
    """Each part has a stop and a target of its own; the coins of each pair are held once."""
    (low, first), (stop, second) = ladder(Story())
    assert [low.stop_price, stop.stop_price] == [Decimal(95), Decimal(95)]
    assert [first.price, second.price] == [Decimal(104), Decimal(110)]
    assert [low.quantity, first.quantity, stop.quantity, second.quantity] == [PART, PART, REST, REST]
    assert [low.type, first.type] == [OrderType.STOP_LOSS, OrderType.LIMIT]
    assert [low.purpose, first.purpose] == [Purpose.STOP, Purpose.TARGET]
    names = [each.client_order_id for each in (low, first, stop, second)]
    assert names == sorted(names)


def test_both_targets_are_met() -> None:
    """The first ends its stop and leaves the other pair alone; what is told of that stop afterwards is no news."""
    story = Story()
    (low, first), (stop, second) = ladder(story)
    assert story.fill(first, "104.00") == []
    assert end(story, low) == []
    assert not story.account.changed
    (slot, _) = story.account.slots.values()
    assert (slot.stops, slot.targets) == ([stop.client_order_id], [second.client_order_id])
    assert slot.row[step.RESTING] == 1
    assert end(story, stop) == []
    (trade,) = trades(story.fill(second, "110.00"))
    assert (trade.exit_reason, trade.quantity) == (Purpose.TARGET, Decimal(40))
    assert Decimal(106) < trade.exit_price < Decimal(107)
    assert story.account.orders == {}


def test_both_stops_are_hit() -> None:
    """Their targets expire before they trade; one trade."""
    story = Story()
    (low, first), (stop, second) = ladder(story)
    assert end(story, first, second) == []
    assert story.fill(low, "95.00") == []
    (trade,) = trades(story.fill(stop, "95.00"))
    assert (trade.exit_reason, trade.exit_price) == (Purpose.STOP, Decimal(95))
    assert story.account.orders == {}


def test_a_signal_exit_waits_until_everything_has_left_the_book() -> None:
    """One cancel a pair, which ends both of it; then one sale of all."""
    story = Story()
    (low, first), (stop, second) = ladder(story)
    assert cancels(story.candles(signal(close=101.0, **LEAVE))) == [low.client_order_id, stop.client_order_id]
    assert [c.client_order_id for c in story.account.cancelling()] == [low.client_order_id, stop.client_order_id]
    assert end(story, low, first, stop) == []
    (sale,) = orders(end(story, second))
    assert (sale.quantity, sale.purpose) == (PART + REST, Purpose.SIGNAL_EXIT)
    (trade,) = trades(story.fill(sale, "101.00"))
    assert trade.exit_reason is Purpose.SIGNAL_EXIT


def test_a_moved_stop_moves_with_its_targets() -> None:
    """After the first target there is one pair; its stop trails and the second target stays where it was."""
    story = Story()
    (_, first), (stop, second) = ladder(story)
    story.fill(first, "104.00")
    trail: dict[str, Any] = {"trail_distance": 5.0, "trail_step": 1.0}
    assert cancels(story.candles(signal(high=105.0, **trail, **HOLD))) == [stop.client_order_id]
    ((moved, again),) = pairs(end(story, stop, second))
    assert (moved.stop_price, moved.purpose, again.price) == (Decimal(100), Purpose.TRAILING, Decimal(110))
    assert moved.quantity == again.quantity == REST


def test_a_cancel_that_comes_too_late_does_no_harm() -> None:
    """The list had traded: its fill comes in place of its end, and what waited goes on with what is left."""
    story = Story()
    (low, first), (stop, second) = ladder(story)
    story.candles(signal(close=104.5, **LEAVE))
    assert end(story, low) == []
    assert story.fill(first, "104.00") == []
    assert end(story, stop) == []
    (sale,) = orders(end(story, second))
    assert sale.quantity == REST


def moving(story: Story) -> list[tuple[OrderRequest, OrderRequest]]:
    """Both pairs on the way to a stop of 103."""
    (low, first), (stop, second) = ladder(story)
    story.candles(signal(high=108.0, trail_distance=5.0, **HOLD))
    return pairs(end(story, low, first, stop, second))


def test_a_target_that_the_price_has_passed_is_taken_at_market() -> None:
    """Only the first pair is refused: its part is sold, and the fill's price says why; the rest stays guarded."""
    story = Story()
    (low, first), (stop, second) = moving(story)
    assert story.reject(low, "would_trigger") == []
    assert story.reject(first, "would_trigger") == []
    assert story.account.unanswered() == [stop, second]
    story.accept(second)
    (sale,) = orders(story.accept(stop))
    assert (sale.type, sale.quantity, sale.purpose) == (OrderType.MARKET, PART, Purpose.TRAILING)
    (slot, _) = story.account.slots.values()
    assert slot.exit == sale.client_order_id
    assert story.fill(sale, "105.00") == []
    assert slot.row[step.EXIT_REASON] == step.TARGET_HIT
    assert (slot.row[step.TARGET], slot.row[step.PART], slot.steps()) == (11_000, 0, BTC.steps(REST))
    (trade,) = trades(story.fill(stop, "103.00"))
    assert trade.exit_reason is Purpose.TRAILING


@pytest.mark.parametrize(("price", "reason"), [("102.99", Purpose.TRAILING), ("110.50", Purpose.TARGET)])
def test_pairs_that_are_all_refused_are_sold_as_one(price: str, reason: Purpose) -> None:
    """The price is below the stop, or above both targets."""
    story = Story()
    (low, first), (stop, second) = moving(story)
    assert [story.reject(each, "would_trigger") for each in (low, first, stop)] == [[], [], []]
    (sale,) = orders(story.reject(second, "would_trigger"))
    assert sale.quantity == PART + REST
    (trade,) = trades(story.fill(sale, price))
    assert trade.exit_reason is reason


def test_a_target_that_fills_in_part_leaves_nothing_naked() -> None:
    """Its stop has gone: what is left is taken back and placed as a pair again, for what is left."""
    story = Story()
    (low, first), (stop, second) = ladder(story)
    end(story, low)
    assert cancels(story.fill(first, "104.00", Decimal(5))) == [stop.client_order_id, first.client_order_id]
    end(story, stop, second)
    (again, rest) = pairs(end(story, first, filled="5"))
    assert [each.quantity for each in again] == [PART - 5, PART - 5]
    assert [each.price for each in (again[1], rest[1])] == [Decimal(104), Decimal(110)]
    for order in (*again, *rest):
        story.accept(order)
    assert story.fill(again[1], "104.00") == []
    assert len(trades(story.fill(rest[1], "110.00"))) == 1


def test_a_list_that_somebody_cancels_is_placed_again() -> None:
    """At once, for all that is held."""
    story = Story()
    (low, first), (stop, second) = ladder(story)
    assert end(story, low) == []
    assert cancels(end(story, first)) == [stop.client_order_id]
    again = pairs(end(story, stop, second))
    assert sum(each.quantity for each, _ in again) == PART + REST


def test_a_stop_that_somebody_cancels_is_placed_where_it_was() -> None:
    """The only one, or beside what still rests; so is a target that has no stop."""
    story = Story()
    stop = story.enter()
    (again,) = orders(story.cancelled(stop.client_order_id))
    assert (again.stop_price, again.quantity) == (stop.stop_price, stop.quantity)
    bare = Story()
    (entry,) = orders(bare.candles(signal(stop_distance=0.0, **LADDER)))
    first, second = orders(bare.fill(entry, "100.00"))
    bare.accept(first)
    bare.accept(second)
    assert cancels(end(bare, first)) == [second.client_order_id]
    assert [each.price for each in orders(end(bare, second))] == [first.price, second.price]


def test_when_the_rest_is_sold_first_the_part_is_what_there_is() -> None:
    """A stop that only one of the two reached: what is placed again is for the part alone."""
    story = Story()
    (low, first), (stop, _) = ladder(story)
    assert story.fill(stop, "95.00") == []
    ((again, _),) = pairs(end(story, low, first))
    assert again.quantity == PART


def test_a_stop_that_was_passed_and_sold_above_it_was_still_a_stop() -> None:
    """Without a target nothing else can be meant, wherever the price went meanwhile."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00"))
    (sale,) = orders(story.reject(stop, "would_trigger"))
    (trade,) = trades(story.fill(sale, "97.00"))
    assert trade.exit_reason is Purpose.STOP


def test_a_cancel_that_is_refused_is_wished_again_at_the_next_candle() -> None:
    """Half of it was cancelled: that half is guarded again at once."""
    story = Story()
    (low, first), (stop, second) = ladder(story)
    story.candles(signal(close=101.0, **LEAVE))
    end(story, low, first)
    refused = CancelRefused(time_ms=story.time, client_order_id=stop.client_order_id, reason="venue_rejected")
    commands = story.account.apply(refused)
    assert refusals(commands) == ["cancel_refused"]
    ((again, near),) = pairs(commands)
    assert (again.quantity, near.price) == (low.quantity, first.price)
    story.accept(again)
    story.accept(near)
    assert cancels(story.candles(signal(close=101.0, **HOLD))) == []
    assert cancels(story.candles(signal(close=101.0, **LEAVE))) == [stop.client_order_id, again.client_order_id]
    (sale,) = orders(end(story, stop, second, again, near))
    assert sale.quantity == PART + REST


def test_targets_without_a_stop_are_plain_limits() -> None:
    """Nothing is paired; the rest waits for its own."""
    story = Story()
    (entry,) = orders(story.candles(signal(stop_distance=0.0, **LADDER)))
    first, second = orders(story.fill(entry, "100.00"))
    assert [(each.type, each.price) for each in (first, second)] == [
        (OrderType.LIMIT, Decimal(104)),
        (OrderType.LIMIT, Decimal(110)),
    ]
    story.accept(first)
    story.accept(second)
    assert story.fill(first, "104.00", Decimal(5)) == []
    assert story.fill(first, "104.00", PART - 5) == []
    assert cancels(story.candles(signal(**LEAVE))) == [second.client_order_id]
    (sale,) = orders(end(story, second))
    assert sale.quantity == REST


def test_a_share_without_a_second_target_leaves_the_rest_to_the_stop() -> None:
    """One pair, and one stop alone."""
    story = Story()
    (entry,) = orders(story.candles(signal(**{**LADDER, "second_target": 0.0})))
    commands = story.fill(entry, "100.00")
    ((_, first),) = pairs(commands)
    (_, stop) = orders(commands)
    assert (first.quantity, stop.type, stop.quantity) == (PART, OrderType.STOP_LOSS, REST)


def test_a_part_that_is_too_small_is_none() -> None:
    """Everything waits for the second target."""
    ((stop, target),) = ladder(Story(), target_share=0.002)
    assert (stop.quantity, target.price) == (PART + REST, Decimal(110))


def test_break_even_moves_the_stop_to_the_entry() -> None:
    """Once, and never back; where there was no stop it is the first."""
    story = Story()
    stop = story.enter(signal(break_even=3.0))
    assert story.candles(signal(high=102.99, **HOLD)) == []
    assert cancels(story.candles(signal(high=103.0, **HOLD))) == [stop.client_order_id]
    (even,) = orders(story.cancelled(stop.client_order_id))
    assert (even.stop_price, even.purpose) == (Decimal(100), Purpose.TRAILING)
    story.accept(even)
    assert story.candles(signal(high=109.0, **HOLD)) == []
    bare = Story()
    (entry,) = orders(bare.candles(signal(stop_distance=0.0, break_even=3.0)))
    assert bare.fill(entry, "100.00") == []
    (first,) = orders(bare.candles(signal(stop_distance=0.0, high=103.0, **HOLD)))
    assert first.stop_price == Decimal(100)


def test_a_position_is_left_when_its_time_is_up() -> None:
    """Two minutes after the candle that entered, however late the fill came; the trade says so."""
    story = Story()
    (entry,) = orders(story.candles(signal(time_ms=60_000, hold_ms=120_000.0)))
    (stop,) = orders(story.fill(entry, "100.00", time_ms=60_900))
    story.accept(stop)
    assert story.candles(signal(time_ms=120_000, **HOLD)) == []
    assert cancels(story.candles(signal(time_ms=180_000, **HOLD))) == [stop.client_order_id]
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert sale.purpose is Purpose.TIME_EXIT
    (trade,) = trades(story.fill(sale, "101.00"))
    assert trade.exit_reason is Purpose.TIME_EXIT


def test_a_persons_wish_while_a_part_is_being_sold_takes_the_rest_too() -> None:
    """First the sale that is on its way, then all that is left."""
    story = Story()
    (low, first), (stop, second) = moving(story)
    story.reject(low, "would_trigger")
    story.reject(first, "would_trigger")
    story.accept(second)
    (sale,) = orders(story.accept(stop))
    flatten = FlattenAsked(time_ms=story.time, markets=(BTC.id,))
    assert cancels(story.account.apply(flatten)) == [stop.client_order_id]
    assert end(story, stop, second) == []
    (rest,) = orders(story.fill(sale, "105.00"))
    assert (rest.quantity, rest.purpose) == (REST, Purpose.FLATTEN)


def test_a_stop_that_is_refused_while_its_cancel_waits_is_sold_as_was_wished() -> None:
    """A person wants out, and the stop was never in the book."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00"))
    story.account.apply(FlattenAsked(time_ms=story.time, markets=(BTC.id,)))
    (sale,) = orders(story.reject(stop, "would_trigger"))
    assert sale.purpose is Purpose.FLATTEN


def test_a_pair_that_is_too_small_is_refused_once() -> None:
    """And shown as unsellable."""
    story = Story()
    (entry,) = orders(story.candles(signal(first_target=4.0, target_share=1.0)))
    ((stop, target),) = pairs(story.fill(entry, "100.00"))
    assert refusals(story.reject(stop, "below_minimum")) == ["below_minimum"]
    assert story.reject(target, "below_minimum") == []
    (position,) = story.account.positions()
    assert position.unsellable
    assert story.account.orders == {}


def test_a_target_alone_that_was_refused_is_tried_again_at_each_candle() -> None:
    """As a stop is; and its fate is told until it rests."""
    story = Story()
    (entry,) = orders(story.candles(signal(stop_distance=0.0, first_target=4.0, target_share=1.0)))
    (target,) = orders(story.fill(entry, "100.00"))
    assert (target.type, target.purpose) == (OrderType.LIMIT, Purpose.TARGET)
    assert refusals(story.reject(target, "venue_rejected")) == ["venue_rejected"]
    slot = story.account.slots[BTC.id]
    for _ in range(2):
        assert slot.row[step.UNSELLABLE] == 1
        (again,) = orders(story.candles(signal(**HOLD)))
        assert (again.type, again.price, again.quantity) == (OrderType.LIMIT, Decimal(104), Decimal("39.96"))
        story.reject(again, "venue_rejected")
    (again,) = orders(story.candles(signal(**HOLD)))
    story.accept(again)
    assert slot.row[step.UNSELLABLE] == 0
    assert story.candles(signal(**HOLD)) == []
    assert [trade.exit_reason for trade in trades(story.fill(again, "104.00"))] == [Purpose.TARGET]


def test_half_a_position_with_the_only_target_lacks_none() -> None:
    """The rest waits for the strategy: nothing is placed anew while the one that is wanted rests."""
    story = Story()
    changes: dict[str, Any] = {"stop_distance": 0.0, "first_target": 4.0, "target_share": 0.5}
    (entry,) = orders(story.candles(signal(**changes)))
    (target,) = orders(story.fill(entry, "100.00"))
    assert target.quantity == PART
    story.accept(target)
    assert story.candles(signal(**HOLD)) == []
    story.fill(target, "104.00")
    assert story.candles(signal(**HOLD)) == []
