"""Where a stop goes when fills come while it is being moved."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.core.account.test_account import HOLD, Story, cancels, orders
from tests.core.account.test_by_hand import adopted
from tests.core.account.test_entries import entering
from tests.core.account.test_protection import REST, end, ladder, pairs
from tests.nouns import MINUTE_MS, signal
from tradepool.domain.mandate import EntryKind
from tradepool.domain.order import OrderRequest, Purpose
from tradepool.domain.signal import Signal


def test_a_stop_that_is_on_its_way_gets_there_though_its_target_fills_in_part() -> None:
    """The next candle may be lower, and would not ask for that level again."""
    story = Story()
    (_, first), (stop, second) = ladder(story)
    story.fill(first, "104.00")
    trail: dict[str, Any] = {"trail_distance": 5.0, "trail_step": 1.0}
    story.candles(signal(high=105.0, **trail, **HOLD))
    story.fill(second, "110.00", Decimal(5))
    end(story, stop)
    ((moved, again),) = pairs(end(story, second, filled="5"))
    assert (moved.stop_price, moved.purpose, moved.quantity) == (Decimal(100), Purpose.TRAILING, REST - 5)
    assert again.quantity == REST - 5


def test_the_stop_of_an_entry_that_fills_bit_by_bit_is_below_what_it_cost() -> None:
    """Not where it was on its way to when the next part was bought, and it has not trailed."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00", Decimal(10)))
    story.accept(stop)
    assert cancels(story.fill(entry, "101.00", Decimal(10))) == [stop.client_order_id]
    story.fill(entry, "102.00", Decimal(10))
    (again,) = orders(end(story, stop))
    assert (again.stop_price, again.purpose, again.quantity > 29) == (Decimal(96), Purpose.STOP, True)


def bought_in_part() -> tuple[Story, OrderRequest, OrderRequest]:
    """A limit at 102 of which the first part is bought at 100, and the stop of that at 95."""
    story = entering(EntryKind.LIMIT, "0.02")
    (entry,) = orders(story.candles(signal()))
    story.accept(entry)
    (stop,) = orders(story.fill(entry, "100.00", Decimal(10)))
    story.accept(stop)
    return story, entry, stop


def trailing() -> tuple[Story, OrderRequest, OrderRequest]:
    """A higher candle takes the rest of the entry back, and moves the stop to 104."""
    story, entry, stop = bought_in_part()
    higher = signal(high=109.0, trail_distance=5.0, trail_step=1.0, **HOLD)
    assert cancels(story.candles(higher)) == [entry.client_order_id, stop.client_order_id]
    return story, entry, stop


def test_a_fill_that_overtakes_the_cancel_of_its_entry_leaves_a_stop_that_has_trailed_where_it_is() -> None:
    """A lower candle would never bring it back."""
    story, entry, stop = trailing()
    (moved,) = orders(end(story, stop))
    story.accept(moved)
    assert moved.stop_price == Decimal(104)
    assert cancels(story.fill(entry, "100.00", Decimal(10))) == [moved.client_order_id]
    (again,) = orders(end(story, moved))
    assert (again.stop_price, again.purpose, again.quantity > 19) == (Decimal(104), Purpose.TRAILING, True)


def test_a_fill_that_overtakes_the_cancel_of_its_entry_leaves_a_stop_that_trails_on_its_way() -> None:
    story, entry, stop = trailing()
    assert orders(story.fill(entry, "100.00", Decimal(10))) == []
    (moved,) = orders(end(story, stop))
    assert (moved.stop_price, moved.purpose, moved.quantity > 19) == (Decimal(104), Purpose.TRAILING, True)


def test_a_cheaper_fill_of_an_entry_lowers_a_stop_that_was_only_levelled() -> None:
    story, entry, stop = bought_in_part()
    story.fill(entry, "101.00", Decimal(10))
    story.fill(entry, "96.00", Decimal(10))
    (again,) = orders(end(story, stop))
    assert (again.stop_price, again.purpose) == (Decimal(94), Purpose.STOP)


def rests(after: int = 40_000, **exits: Any) -> tuple[Story, OrderRequest]:
    """A limit at 100 that the market took 40 seconds into the bar, after it had been at 110; and its stop at 95."""
    story = entering(EntryKind.POST_ONLY)
    (entry,) = orders(story.candles(signal(**exits)))
    story.accept(entry)
    (stop,) = orders(story.fill(entry, "100.00", time_ms=story.time + after))
    story.accept(stop)
    return story, stop


@pytest.mark.parametrize("exits", [{"trail_distance": 5.0, "trail_step": 1.0}, {"break_even": 8.0}])
def test_a_high_from_before_the_entry_moves_no_stop(exits: dict[str, Any]) -> None:
    """It would be above the market, and sold at once. What the bar closed at came after; of the next bar all did."""
    story, stop = rests(**exits)
    assert story.candles(bar(story, high=110.0, close=100.5, **exits)) == []
    assert cancels(story.candles(bar(story, high=110.0, close=100.5, **exits))) == [stop.client_order_id]


@pytest.mark.parametrize("after", [1_001, 40_000])
def test_a_close_after_the_entry_moves_its_stop(after: int) -> None:
    """What rested may have been taken soon after the high."""
    exits: dict[str, Any] = {"trail_distance": 5.0, "trail_step": 1.0}
    story, stop = rests(after, **exits)
    story.candles(bar(story, high=110.0, close=104.0, **exits))
    (moved,) = orders(end(story, stop))
    assert (moved.stop_price, moved.purpose) == (Decimal(99), Purpose.TRAILING)


@pytest.mark.parametrize(
    ("kind", "after"),
    [(EntryKind.MARKET, 0), (EntryKind.MARKET, 10_000), (EntryKind.IOC, 10_000), (EntryKind.LIMIT, 1_000)],
)
def test_an_entry_at_the_open_has_the_high_of_its_bar(kind: EntryKind, after: int) -> None:
    """Also one that waited for other markets' candles and exits."""
    exits: dict[str, Any] = {"trail_distance": 5.0, "trail_step": 1.0}
    story = entering(kind) if kind is not EntryKind.MARKET else Story()
    (entry,) = orders(story.candles(signal(**exits)))
    (stop,) = orders(story.fill(entry, "100.00", time_ms=story.time + after))
    story.accept(stop)
    story.candles(bar(story, high=110.0, close=106.0, **exits))
    (moved,) = orders(end(story, stop))
    assert moved.stop_price == Decimal(105)


def test_what_is_adopted_inside_a_bar_has_not_had_its_high() -> None:
    exits: dict[str, Any] = {"trail_distance": 5.0, "trail_step": 1.0}
    story = Story()
    story.candles()
    (stop,) = orders(story.account.apply(replace(adopted(), time_ms=story.time + 20_000)))
    story.accept(stop)
    assert story.candles(bar(story, high=110.0, close=94.0, **exits)) == []


def bar(story: Story, **changes: Any) -> Signal:
    """The next bar, while the level holds."""
    return signal(**{**HOLD, **changes}, open_ms=story.time, time_ms=story.time + MINUTE_MS)
