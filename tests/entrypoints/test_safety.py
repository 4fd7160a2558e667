"""What is told as unprotected: by the stops that rest, and how much they are for."""

from __future__ import annotations

from tests.core.account.test_account import Story, orders
from tests.nouns import BTC, signal
from tradepool.domain.denial import Denial
from tradepool.entrypoints.safety import entering, unprotected


def test_a_position_is_unprotected_until_its_stop_rests_for_all_of_it() -> None:
    """The second ladder pair is refused: half of what is held has no stop, while the other's rests."""
    story = Story()
    (entry,) = orders(story.candles(signal(first_target=4.0, second_target=10.0, target_share=0.5)))
    low, stop = orders(story.fill(entry, "100.00"))
    assert unprotected(story.account) == [BTC.id]
    story.accept(low)
    story.reject(stop, Denial.VENUE_REJECTED)
    assert story.account.slots[BTC.id].stops == [low.client_order_id]
    assert unprotected(story.account) == [BTC.id]


def test_an_entry_may_fill_until_the_venue_has_told_its_end() -> None:
    """Before it is answered, and while a part of it is missing."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    assert entering(story.account) == {BTC.id: entry.client_order_id}
    story.accept(entry)
    story.fill(entry, "100.00", entry.quantity / 2)
    assert entering(story.account) == {BTC.id: entry.client_order_id}
    story.fill(entry, "100.00", entry.quantity / 2)
    assert entering(story.account) == {}
