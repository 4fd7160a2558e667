"""What people do by hand: part of a position sold, a holding taken over or given back, orders capped."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.core.account.test_account import HOLD, LEAVE, Story, cancels, orders
from tests.core.account.test_protection import end, ladder, pairs
from tests.nouns import BTC, ETH, signal
from tradepool.core.account import account_step as step
from tradepool.core.account.by_hand import why_not_close
from tradepool.domain.by_hand import (
    BookCorrected,
    ByHand,
    CloseAsked,
    LotShrunk,
    OrdersCapped,
    PositionAdopted,
    PositionReleased,
)
from tradepool.domain.command import Command, RecordRelease, RecordTrade
from tradepool.domain.ledger import LedgerCode
from tradepool.domain.order import OrderRequest, OrderType, Purpose
from tradepool.domain.trade import Trade


def trades(commands: list[Command]) -> list[Trade]:
    return [command.trade for command in commands if isinstance(command, RecordTrade)]


def changes(story: Story, event: ByHand) -> bool:
    story.account.apply(event)
    return story.account.changed


def close(share: str) -> CloseAsked:
    return CloseAsked(time_ms=1, market=BTC.id, share=Decimal(share))


def adopted(quantity: str = "3", price: str = "100", stop: str = "90") -> PositionAdopted:
    return PositionAdopted(
        time_ms=1, market=BTC.id, quantity=Decimal(quantity), price=Decimal(price), stop_price=Decimal(stop)
    )


RELEASED = PositionReleased(time_ms=1, market=BTC.id, price=Decimal(110))


def sell_part(story: Story, stop: OrderRequest, share: str) -> OrderRequest:
    assert cancels(story.account.apply(close(share))) == [stop.client_order_id]
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert sale.purpose is Purpose.MANUAL
    return sale


def test_a_share_is_sold_and_the_rest_stays_protected() -> None:
    story = Story()
    sale = sell_part(story, story.enter(), "0.25")
    assert (sale.type, sale.quantity) == (OrderType.MARKET, Decimal("9.99"))
    (again,) = orders(story.fill(sale, "105.00"))
    assert (again.type, again.quantity, again.stop_price) == (OrderType.STOP_LOSS, Decimal("29.97"), Decimal(95))
    story.accept(again)
    # The share was for one sale: the strategy's own exit sells all that is left.
    assert cancels(story.candles(signal(**LEAVE))) == [again.client_order_id]
    (rest,) = orders(story.cancelled(again.client_order_id))
    assert (rest.quantity, rest.purpose) == (Decimal("29.97"), Purpose.SIGNAL_EXIT)
    (trade,) = trades(story.fill(rest, "110.00"))
    assert trade.pnl == story.account.cash - 10_000


def test_all_of_it_ends_the_trade_by_hand() -> None:
    story = Story()
    sale = sell_part(story, story.enter(), "1")
    (trade,) = trades(story.fill(sale, "105.00"))
    assert (trade.exit_reason, story.account.positions()) == (Purpose.MANUAL, [])


@pytest.mark.parametrize(
    ("share", "why"), [("0.001", "that part"), ("0.999", "what would be left"), ("0.5", ""), ("1", "")]
)
def test_neither_part_may_be_too_small_to_be_sold(share: str, why: str) -> None:
    story = Story()
    story.enter()
    slot = story.account.slots[BTC.id]
    assert why_not_close(slot, Decimal(share), story.account.orders).startswith(why)
    assert bool(why_not_close(slot, Decimal(share), story.account.orders)) == bool(why)
    commands = story.account.apply(close(share))
    assert (bool(commands), story.account.changed) == (not why, not why)
    assert why_not_close(story.account.slots[ETH.id], Decimal(1), story.account.orders) == "nothing is held there"


def test_a_holding_is_adopted_protected_and_sold_as_any_other() -> None:
    story = Story()
    (stop,) = orders(story.account.apply(adopted()))
    assert (stop.type, stop.quantity, stop.stop_price) == (OrderType.STOP_LOSS, Decimal(3), Decimal(90))
    (position,) = story.account.positions()
    assert (position.quantity, position.average_entry_price) == (Decimal(3), Decimal(100))
    # It was put in, not paid for.
    assert story.account.cash == 10_000
    story.accept(stop)
    assert story.account.apply(adopted()) == []
    assert not story.account.changed
    story.candles(signal(**LEAVE))
    (sale,) = orders(story.cancelled(stop.client_order_id))
    (trade,) = trades(story.fill(sale, "120.00"))
    assert trade.pnl == 3 * Decimal(120) * Decimal("0.999") - 300
    assert story.account.cash == 10_000 + 300 + trade.pnl


def test_a_release_takes_the_stop_back_then_lets_go() -> None:
    story = Story()
    stop = story.enter()
    before = story.account.cash
    assert cancels(story.account.apply(RELEASED)) == [stop.client_order_id]
    assert story.account.apply(RELEASED) == []
    released, closed = story.cancelled(stop.client_order_id)
    assert released == RecordRelease(BTC.id, Decimal("39.96"), story.time)
    assert isinstance(closed, RecordTrade)
    assert (closed.trade.exit_reason, closed.trade.exit_price) == (Purpose.RELEASED, Decimal(110))
    # What it was worth went with it.
    assert (story.account.positions(), story.account.cash) == ([], before)
    (entry,) = orders(story.candles(signal()))
    assert entry.purpose is Purpose.ENTRY


def test_a_stop_that_is_hit_before_its_release_ends_the_trade() -> None:
    story = Story()
    stop = story.enter()
    story.account.apply(RELEASED)
    (trade,) = trades(story.fill(stop, "94.90"))
    assert trade.exit_reason is Purpose.STOP
    assert story.cancelled(stop.client_order_id) == []


def test_a_release_of_less_than_a_step_frees_the_market_and_gives_nothing_away() -> None:
    """Such a position is none; an account of before may still have one."""
    story = Story()
    story.candles(signal())
    slot = story.account.slots[BTC.id]
    (entry,) = story.account.unanswered()
    story.fill(entry, "100.00", BTC.quantity_step)
    del story.account.orders[entry.client_order_id]
    story.account.wallet[step.RESERVED], slot.entry = 0, None
    assert (slot.held, slot.steps()) == (True, 0)
    assert story.account.apply(RELEASED) == []
    assert (story.account.changed, slot.held, slot.row[step.DUST]) == (True, False, 999)
    assert len(orders(story.candles(signal()))) == 1


@pytest.mark.parametrize("event", [adopted(), RELEASED, close("1")])
def test_what_is_about_another_market_or_nothing_changes_nothing(event: ByHand) -> None:
    story = Story()
    (entry,) = orders(story.candles(signal()))
    assert story.account.apply(event) == []
    assert not story.account.changed
    assert len(orders(story.fill(entry, "100.00"))) == 1


def test_nothing_is_given_away_where_nothing_is_held_or_a_sale_is_on_its_way() -> None:
    flat, selling = Story(), Story()
    sell_part(selling, selling.enter(), "0.5")
    for story in (flat, selling):
        assert story.account.apply(RELEASED) == []
        assert not story.account.changed


def test_a_cap_is_on_every_entry_until_it_is_lifted() -> None:
    story = Story()
    cap = OrdersCapped(time_ms=1, order_notional_max=Decimal(25))
    assert [changes(story, cap), changes(story, cap)] == [True, False]
    (entry,) = orders(story.candles(signal()))
    assert entry.quantity == Decimal("0.25")
    story.account.apply(OrdersCapped(time_ms=2, order_notional_max=None))
    (other,) = orders(story.candles(signal(ETH)))
    assert other.quantity * 100 > 3_000


def shrunk(held: str) -> LotShrunk:
    return LotShrunk(time_ms=1, market=BTC.id, held=Decimal(held), price=Decimal(110))


def test_a_correction_of_the_books_is_news_and_leaves_the_position_alone() -> None:
    story = Story()
    story.enter()
    before = story.account.positions()
    corrected = BookCorrected(
        time_ms=1,
        debit=LedgerCode.FEES,
        credit=LedgerCode.TRADING,
        asset="BTC",
        amount=Decimal(1),
        by="ann",
        confirmed_by="bob",
        reason="why",
    )
    assert changes(story, corrected)
    assert story.account.positions() == before


def test_why_a_share_can_not_be_sold_is_said_in_words() -> None:
    story = Story()
    stop = story.enter()
    slot = story.account.slots[BTC.id]
    # Ten cents short at its stop of 95, though not at the close of 100.
    rest = Decimal("0.104")
    words = "what would be left is too small to be sold; close all of it"
    assert why_not_close(slot, 1 - rest / Decimal("39.96"), story.account.orders) == words
    slot.terms[step.SMALLEST_SELL] = BTC.quote_units(Decimal("3996"))
    assert why_not_close(slot, Decimal(1), story.account.orders) == ""
    slot.terms[step.SMALLEST_SELL] += 1
    assert why_not_close(slot, Decimal(1), story.account.orders) == "what is held is too small to be sold"
    slot.terms[step.SMALLEST_SELL], slot.terms[step.STEPS_MIN] = 0, slot.steps()
    assert why_not_close(slot, Decimal(1), story.account.orders) == ""
    assert why_not_close(slot, Decimal("0.5"), story.account.orders) == "that part is too small to be sold"
    story.account.apply(close("1"))
    assert (
        why_not_close(slot, Decimal(1), story.account.orders) == "an order is on its way there; ask again in a moment"
    )
    assert stop.client_order_id in story.account.orders


def test_what_was_taken_away_past_us_is_released_and_the_rest_protected_anew() -> None:
    story = Story()
    stop = story.enter()
    slot = story.account.slots[BTC.id]
    assert not changes(story, shrunk("39.96"))
    assert not changes(story, shrunk("40"))
    slot.row[step.UNSELLABLE] = 1
    assert cancels(story.account.apply(shrunk("39.95999"))) == [stop.client_order_id]
    # What is on its way may be why there is less.
    assert not changes(story, shrunk("1"))
    assert slot.row[step.UNSELLABLE] == 0
    released, _ = commands = story.cancelled(stop.client_order_id)
    assert released == RecordRelease(BTC.id, Decimal("0.00001"), story.time)
    (again,) = orders(commands)
    assert (again.quantity, slot.release_steps, slot.row[step.RESTING]) == (Decimal("39.95999"), 0, 0)
    story.accept(again)
    story.account.apply(shrunk("0.00001"))
    commands = story.cancelled(again.client_order_id)
    (position,) = story.account.positions()
    assert position.quantity == Decimal("0.00001")
    (least,) = orders(commands)
    story.accept(least)
    story.account.apply(shrunk("0"))
    (trade,) = trades(story.cancelled(least.client_order_id))
    assert (trade.exit_reason, story.account.positions()) == (Purpose.RELEASED, [])


def test_a_share_or_a_loss_of_a_ladder_leaves_the_far_target_and_of_one_target_that_one() -> None:
    half = [close("0.5"), shrunk("20")]
    for event in half:
        story = Story()
        (low, first), (stop, second) = ladder(story)
        story.account.apply(event)
        commands = end(story, low, first, stop, second)
        if event is half[0]:
            (sale,) = orders(commands)
            commands = story.fill(sale, "100.00")
        ((_, again),) = pairs(commands)
        assert again.price == Decimal(110)
    for event in half:
        story = Story()
        ((stop, only),) = ladder(story, first_target=0.0)
        story.account.apply(event)
        commands = end(story, stop, only)
        if event is half[0]:
            (sale,) = orders(commands)
            commands = story.fill(sale, "100.00")
        ((_, again),) = pairs(commands)
        assert again.price == Decimal(110)


def test_a_ladder_that_could_not_be_sold_whole_stands_again() -> None:
    story = Story()
    (low, first), (stop, second) = ladder(story)
    story.account.apply(close("1"))
    (sale,) = orders(end(story, low, first, stop, second))
    assert [high.price for _, high in pairs(end(story, sale))] == [Decimal(104), Decimal(110)]
    assert orders(story.candles(signal(**HOLD))) == []


def test_what_is_bare_is_sold_and_given_away_at_once_at_the_time_of_the_wish() -> None:
    for event in (close("1"), RELEASED):
        story = Story()
        (entry,) = orders(story.candles(signal(stop_distance=0.0)))
        assert story.fill(entry, "100.00", time_ms=1) == []
        commands = story.account.apply(event)
        if event is RELEASED:
            assert commands[0] == RecordRelease(BTC.id, Decimal("39.96"), 1)
        else:
            assert [order.time_ms for order in orders(commands)] == [1]
