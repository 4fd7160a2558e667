"""What markets of one account do to each other at one T."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.core.account.lawful import Lawful
from tests.core.account.test_account import HOLD, LEAVE, Story, cancels, orders, refusals
from tests.nouns import ACCOUNT, BTC, ETH, MANDATE, MINUTE_MS, signal
from tradepool.core.account import account_step as step
from tradepool.core.account import limit_step
from tradepool.domain.by_hand import PositionAdopted
from tradepool.domain.command import RecordRefusal
from tradepool.domain.denial import Denial
from tradepool.domain.event import CandlesClosed
from tradepool.domain.order import OrderType, Purpose, Refusal, Side
from tradepool.domain.trade import Origin

OUT: dict[str, Any] = {"exposure": 0.0, "previous_exposure": 0.0}


def test_entries_wait_for_a_stop_that_is_moved_and_for_the_sale_it_may_become() -> None:
    """Protections first; a stop that the price has passed is sold at market, and that cash counts, too."""
    for passed in (False, True):
        story = Story()
        stop = story.enter(signal(trail_distance=5.0))
        commands = story.candles(signal(**HOLD, high=110.0, trail_distance=5.0), signal(ETH))
        assert (cancels(commands), orders(commands)) == ([stop.client_order_id], [])
        (moved,) = orders(story.cancelled(stop.client_order_id))
        assert moved.stop_price == Decimal("105.00")
        if passed:
            (sale,) = orders(story.reject(moved, "would_trigger"))
            (entry,) = orders(story.fill(sale, "104.00"))
        else:
            (entry,) = orders(story.accept(moved))
        assert (entry.market, entry.purpose) == (ETH.id, Purpose.ENTRY)


def test_the_rest_of_a_batch_that_comes_apart_is_acted_on_once() -> None:
    """A market whose candle comes after the grace loses nothing, and nobody acts on the same candle twice."""
    story = Story()
    (first,) = orders(story.candles(signal()))
    rest = CandlesClosed(time_ms=story.time, signals=(signal(), signal(ETH)))
    story.reject(first, "insufficient_cash")
    (second,) = orders(story.account.apply(rest))
    assert second.market == ETH.id
    story.reject(second, "insufficient_cash")
    assert story.account.apply(rest) == []
    assert story.account.apply(CandlesClosed(time_ms=story.time - MINUTE_MS, signals=(signal(ETH),))) == []


def test_an_entry_whose_exits_have_not_settled_by_the_next_t_is_refused() -> None:
    """A sale whose end is not known is no cash; and what is refused is not entered when the sale is done at last."""
    story = Story()
    stop = story.enter()
    story.candles(signal(**LEAVE), signal(ETH))
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert refusals(story.candles(signal(**OUT), signal(ETH, **HOLD))) == ["exit_not_final"]
    assert orders(story.fill(sale, "100.00")) == []


def test_an_entry_that_can_not_be_made_keeps_no_other_from_entering() -> None:
    story = Story()
    story.account.slots[BTC.id].terms[step.STEPS_MIN] = 10**9
    refused, _ = commands = story.candles(signal(), signal(ETH))
    assert refused == RecordRefusal(
        Refusal(account=ACCOUNT.id, market=BTC.id, time_ms=MINUTE_MS, reason=Denial.BELOW_MINIMUM)
    )
    assert [order.market for order in orders(commands)] == [ETH.id]


def test_an_entry_reserves_what_it_may_cost_and_says_what_it_is() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal(time_ms=7)))
    cost = BTC.quote_units(Decimal(4_000))
    reserved = cost + cost * 5 // 1_000 + cost // 1_000
    assert story.account.orders[entry.client_order_id].reserved == reserved == story.account.wallet[step.RESERVED]
    assert (entry.side, entry.type, entry.time_ms, entry.quantity) == (Side.BUY, OrderType.MARKET, 7, Decimal(40))
    # What one has reserved, the next can not spend.
    story.account.slots[ETH.id].terms[step.WEIGHT_PPM] = 597_000
    assert refusals(story.candles(signal(ETH))) == ["insufficient_cash"]
    story.account.slots[ETH.id].terms[step.WEIGHT_PPM] = 590_000
    assert len(orders(story.candles(signal(ETH)))) == 1


def test_limits_are_told_what_stands_beside_an_entry_and_when() -> None:
    story = Story()
    for slot in story.account.slots.values():
        slot.terms[limit_step.POSITIONS_MAX] = 1
    assert len(orders(story.candles(signal()))) == 1
    assert refusals(story.candles(signal(ETH, time_ms=5))) == ["positions"]
    assert story.account.wallet[limit_step.NOW] == 5


def test_what_waits_while_nothing_else_happens_is_news() -> None:
    story = Story()
    story.enter()
    story.candles(signal(**LEAVE))
    assert story.candles(signal(ETH), signal(**HOLD)) == []
    assert [entry.slot.market for entry in story.account.batch.waiting] == [ETH]
    assert story.account.changed


def test_a_market_that_a_person_took_keeps_no_other_from_entering() -> None:
    third = replace(BTC, base="XRP")
    story = Story()
    story.account = Lawful(
        ACCOUNT, replace(MANDATE, markets=(BTC.id, ETH.id, third.id)), [BTC, ETH, third], Origin.PRACTICE
    )
    (entry,) = orders(story.candles(signal(third)))
    (stop,) = orders(story.fill(entry, "100.00", fee_asset="XRP"))
    story.accept(stop)
    story.candles(signal(third, **LEAVE), signal(), signal(ETH))
    taken = PositionAdopted(
        time_ms=story.time, market=BTC.id, quantity=Decimal(3), price=Decimal(100), stop_price=Decimal(90)
    )
    (guard,) = orders(story.account.apply(taken))
    story.accept(guard)
    (sale,) = orders(story.cancelled(stop.client_order_id))
    (other,) = orders(story.fill(sale, "100.00"))
    assert other.market == ETH.id
