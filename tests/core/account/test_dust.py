"""What is less than can be sold: it joins the next entry once nothing of its own is at work, and nothing of it is lost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.core.account.test_account import orders, refusals
from tests.core.account.test_entries import TEN, end, entering, entry_of
from tests.core.account.test_new_terms import see
from tests.core.account.test_protection import trades
from tests.nouns import BTC
from tradepool.core.account import account_step as step
from tradepool.domain.mandate import EntryKind


@pytest.mark.parametrize("kind", [EntryKind.IOC, EntryKind.LIMIT])
def test_an_entry_that_ends_with_less_than_one_step_is_no_position_but_dust_of_the_next(kind: EntryKind) -> None:
    """One step less its fee can't be sold: it would keep its market, and a place among the positions, for good."""
    story = entering(kind)
    entry = entry_of(story)
    assert orders(story.fill(entry, "100.00", BTC.quantity_step)) == []
    slot = story.account.slots[BTC.id]
    paid, bought = 10_000 - story.account.cash, slot.row[step.HOLDING]
    assert end(story, entry, BTC.quantity_step) == []
    row = slot.row
    assert (slot.held, slot.busy, row[step.STOP], row[step.STEPS], row[step.DUST]) == (False, False, 0, 0, bought)
    # What it cost stays paid, and what it is stays: the next entry has it.
    assert story.account.cash == 10_000 - paid == 10_000 - 100 * BTC.quantity_step
    again = entry_of(story)
    story.fill(again, "100.00", TEN)
    assert row[step.HOLDING] == bought + BTC.base_units(TEN * Decimal("0.999"))


def test_a_last_step_that_comes_after_the_rest_was_stopped_is_dust_too() -> None:
    story = entering(EntryKind.POST_ONLY)
    entry = entry_of(story)
    story.accept(entry)
    (stop,) = orders(story.fill(entry, "100.00", entry.quantity - BTC.quantity_step, fee=Decimal(0)))
    story.fill(stop, "95.00")
    assert orders(story.fill(entry, "94.00", BTC.quantity_step)) == []
    assert (story.account.slots[BTC.id].held, story.account.positions()) == (False, [])


def test_dust_outlives_an_entry_that_bought_nothing() -> None:
    story = entering(EntryKind.IOC)
    entry = entry_of(story)
    story.fill(entry, "100.00", BTC.quantity_step)
    end(story, entry, BTC.quantity_step)
    row = story.account.slots[BTC.id].row
    dust = row[step.DUST]
    assert refusals(end(story, entry_of(story))) == ["price_ran"]
    assert row[step.DUST] == dust > 0


def test_one_step_that_can_be_sold_is_a_position() -> None:
    """Its fee was paid in another asset; its stop is too small for this venue."""
    story = entering(EntryKind.IOC)
    entry = entry_of(story)
    (stop,) = orders(story.fill(entry, "100.00", BTC.quantity_step, fee_asset="BNB"))
    story.reject(stop, "below_minimum")
    end(story, entry, BTC.quantity_step)
    (position,) = story.account.positions()
    assert position.quantity == BTC.quantity_step


def test_what_a_stop_still_stands_for_is_no_dust_on_a_grid_too_coarse_for_it() -> None:
    """The old stop may fill for all of it, though no new one could; the end of its entry changes nothing in that."""
    story = entering(EntryKind.POST_ONLY)
    entry = entry_of(story)
    story.accept(entry)
    (stop,) = orders(story.fill(entry, "100.00", TEN))
    story.accept(stop)
    assert see(story, replace(BTC, quantity_step=2 * TEN, quantity_min=2 * TEN))
    assert end(story, entry, TEN) == []
    (position,) = story.account.positions()
    assert (position.quantity, position.stop_price) == (stop.quantity, stop.stop_price)
    (trade,) = trades(story.fill(stop, "95.00"))
    assert (trade.quantity, trade.exit_price) == (TEN, Decimal(95))
