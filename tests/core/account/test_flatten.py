"""A person's wish to sell: the stop is taken back first, nothing is asked twice, the trade says whose wish it was."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.core.account.test_account import LEAVE, Story, cancels, orders
from tests.nouns import BTC, ETH, signal
from tradepool.core.account import account_step as step
from tradepool.domain.by_hand import FlattenAsked
from tradepool.domain.command import Command, RecordTrade
from tradepool.domain.order import OrderType, Purpose


def flatten(story: Story, *markets: Any) -> list[Command]:
    return story.account.apply(FlattenAsked(time_ms=story.time, markets=tuple(m.id for m in markets)))


def changed(story: Story) -> bool:
    return story.account.changed


def test_the_stop_leaves_the_book_then_all_is_sold() -> None:
    story = Story()
    stop = story.enter()
    assert flatten(story, ETH) == []
    assert not changed(story)
    assert cancels(flatten(story, BTC, ETH)) == [stop.client_order_id]
    assert changed(story)
    assert flatten(story, BTC) == []
    assert not changed(story)
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert (sale.type, sale.purpose) == (OrderType.MARKET, Purpose.FLATTEN)
    assert flatten(story, BTC) == []
    (trade,) = [c.trade for c in story.fill(sale, "90.00") if isinstance(c, RecordTrade)]
    assert trade.exit_reason is Purpose.FLATTEN
    assert story.account.positions() == []


def test_a_stop_that_is_just_being_replaced_is_not_put_back() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00", Decimal("10")))
    story.accept(stop)
    # The second part of the entry has its stop cancelled, to be placed anew for all of it.
    assert cancels(story.fill(entry, "100.00", entry.quantity - 10)) == [stop.client_order_id]
    assert flatten(story, BTC) == []
    assert story.account.changed
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert sale.purpose is Purpose.FLATTEN
    assert sale.quantity == story.account.slots[BTC.id].steps() * BTC.quantity_step


def test_the_next_exit_is_the_strategys_own_again() -> None:
    story = Story()
    stop = story.enter()
    flatten(story, BTC)
    (sale,) = orders(story.cancelled(stop.client_order_id))
    story.fill(sale, "100.00")
    stop = story.enter()
    story.candles(signal(**LEAVE))
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert sale.purpose is Purpose.SIGNAL_EXIT


def test_what_is_too_small_is_not_asked_for_again_and_again() -> None:
    story = Story()
    stop = story.enter()
    flatten(story, BTC)
    (sale,) = orders(story.cancelled(stop.client_order_id))
    # The same filter refuses what is too large for one order: so its stop is tried, once.
    (stop,) = orders(story.reject(sale, "below_minimum"))
    assert orders(story.reject(stop, "below_minimum")) == []
    assert story.account.slots[BTC.id].row[step.UNSELLABLE]
    story.account.mark(BTC.id, 0.2)
    assert flatten(story, BTC) == []
    assert not story.account.changed


def test_a_sale_that_is_refused_for_its_size_is_not_followed_by_a_stop_that_would_be_too() -> None:
    """At the stop, 5 below, it is worth a little less than the least that is sold."""
    story = Story()
    stop = story.enter()
    story.account.slots[BTC.id].terms[step.SMALLEST_SELL] = BTC.quote_units(Decimal("3796.21"))
    story.candles(signal(**LEAVE))
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert orders(story.reject(sale, "below_minimum")) == []
    assert story.account.slots[BTC.id].row[step.UNSELLABLE]
