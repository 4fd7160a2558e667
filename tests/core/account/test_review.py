"""What a review found: wishes, levels and parts that outlived what they were for, and positions that were left bare."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tests.core.account.test_account import LEAVE, Story, orders
from tests.core.account.test_adopt import adopt, bought, fill_of
from tests.core.account.test_adopt import stop as lost_stop
from tests.core.account.test_by_hand import adopted, close
from tests.core.account.test_flatten import flatten
from tests.core.account.test_protection import end, ladder, pairs
from tests.nouns import BTC, MINUTE_MS, signal
from tradepool.core.account import account_step as step
from tradepool.domain.event import CancelRefused
from tradepool.domain.order import Purpose

TWO_MINUTES = {"hold_ms": 120_000.0}


def test_what_a_broken_off_sale_of_a_ladder_leaves_is_guarded() -> None:
    """Less is left than the part that had a target of its own: all of it waits for the far one."""
    story = Story()
    (low, first), (stop, second) = ladder(story)
    flatten(story, BTC)
    (sale,) = orders(end(story, low, first, stop, second))
    story.fill(sale, "100.00", Decimal(30))
    ((guard, target),) = pairs(end(story, sale, filled="30"))
    assert (guard.quantity, target.quantity, target.price) == (Decimal("9.96"), Decimal("9.96"), Decimal(110))


def test_nothing_is_ordered_while_lost_fills_are_booked() -> None:
    """The journal ends with an entry that is filled in half; the rest of it and the new stop were lost."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (first,) = orders(story.fill(entry, "100.00", Decimal(20)))
    story.accept(first)
    rest = replace(fill_of(entry, "100.00", 50), quantity=Decimal(20), fee=Decimal("0.02"))
    guard = lost_stop(9, "95.00", "39.96")
    assert adopt(story, [guard], [rest], [guard.client_order_id]) == []
    assert list(story.account.orders) == [guard.client_order_id]


def test_a_position_that_is_adopted_is_not_left_by_an_earlier_ones_time() -> None:
    """By hand, or found with a restored journal."""
    mine, lost = Story(), Story()
    for story in (mine, lost):
        story.fill(story.enter(signal(**TWO_MINUTES)), "95.00")
    mine.account.apply(adopted())
    entry, guard = bought(14), lost_stop(15)
    adopt(lost, [entry, guard], [fill_of(entry, "100.00", 60)], [guard.client_order_id])
    assert [story.account.slots[BTC.id].row[step.LEAVE_TIME] for story in (mine, lost)] == [0, 0]


def test_a_known_position_is_left_in_its_time_although_fills_were_lost() -> None:
    story = Story()
    story.enter(signal(time_ms=MINUTE_MS, **TWO_MINUTES))
    adopt(story, [lost_stop(9)], [])
    assert story.account.slots[BTC.id].row[step.LEAVE_TIME] == 3 * MINUTE_MS


def test_a_persons_share_does_not_outlive_its_sale() -> None:
    """The stop was hit first, or its cancel refused: the strategy's own exit sells all."""
    hit, refused = Story(), Story()
    for story in (hit, refused):
        stop = story.enter()
        story.account.apply(close("0.25"))
        if story is hit:
            story.fill(stop, "95.00")
            stop = story.enter()
        else:
            story.account.apply(CancelRefused(time_ms=story.time, client_order_id=stop.client_order_id, reason="x"))
        story.candles(signal(**LEAVE))
        (sale,) = orders(story.cancelled(stop.client_order_id))
        assert (sale.quantity, sale.purpose) == (stop.quantity, Purpose.SIGNAL_EXIT)


def test_the_far_target_stays_when_the_first_is_met_before_a_share_is_sold() -> None:
    story = Story()
    (low, first), (stop, second) = ladder(story)
    story.account.apply(close("0.25"))
    story.fill(first, "104.00")
    end(story, low)
    (sale,) = orders(end(story, stop, second))
    ((_, target),) = pairs(story.fill(sale, "103.00"))
    assert target.price == Decimal(110)
