"""Where a stop goes when fills come while it is being moved."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.core.account.test_account import HOLD, Story, cancels, orders
from tests.core.account.test_protection import REST, end, ladder, pairs
from tests.nouns import signal
from tradepool.domain.order import Purpose


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
