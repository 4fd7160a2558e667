"""What a review found: wishes, levels and parts that outlived what they were for, and positions that were left bare."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.core.account.test_account import HOLD, LEAVE, Story, orders, refusals
from tests.core.account.test_adopt import adopt, bought, fill_of
from tests.core.account.test_adopt import stop as lost_stop
from tests.core.account.test_by_hand import RELEASED, adopted, close
from tests.core.account.test_flatten import changed, flatten
from tests.core.account.test_new_terms import COARSE, begun, see
from tests.core.account.test_protection import LADDER, end, ladder, pairs, trades
from tests.nouns import BTC, ETH, MANDATE, MINUTE_MS, signal
from tradepool.core.account import account_step as step
from tradepool.core.account import limit_step
from tradepool.core.account.slot import with_closes
from tradepool.domain.by_hand import LotShrunk
from tradepool.domain.command import RecordTrade
from tradepool.domain.event import OFF_NEW_GRID, CancelRefused, CandlesClosed, EntriesResumed, Event, MandateChanged
from tradepool.domain.mandate import Limits
from tradepool.domain.order import Purpose

TWO_MINUTES: dict[str, Any] = {"hold_ms": 120_000.0}


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


def test_a_wish_to_flatten_takes_the_place_of_a_share_that_waits() -> None:
    story = Story()
    stop = story.enter()
    story.account.apply(close("0.25"))
    assert flatten(story, BTC) == []
    assert story.account.changed
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert (sale.quantity, sale.purpose) == (stop.quantity, Purpose.FLATTEN)


@pytest.mark.parametrize("ends", ["filled", "rejected", "cancelled"])
def test_a_wish_to_flatten_waits_for_a_share_that_is_being_sold(ends: str) -> None:
    story = Story()
    stop = story.enter()
    story.account.apply(close("0.25"))
    (share,) = orders(story.cancelled(stop.client_order_id))
    assert flatten(story, BTC) == []
    assert changed(story)
    assert flatten(story, BTC) == []
    assert not changed(story)
    if ends == "filled":
        (sale,) = orders(story.fill(share, "100.00"))
    else:
        (sale,) = orders(story.reject(share, "x") if ends == "rejected" else story.cancelled(share.client_order_id))
    assert sale.purpose is Purpose.FLATTEN
    assert sale.quantity == stop.quantity - (share.quantity if ends == "filled" else 0)
    assert len(trades(story.fill(sale, "100.00"))) == 1


def test_what_is_bare_because_its_stop_was_refused_can_be_flattened() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00"))
    assert orders(story.reject(stop, "venue_rejected")) == []
    (sale,) = orders(flatten(story, BTC))
    assert sale.quantity == stop.quantity


@pytest.mark.parametrize("ends", ["rejected", "cancelled"])
def test_what_a_sale_left_whole_is_guarded_again(ends: str) -> None:
    """At once: a strategy that has only a target would wait for ever."""
    both: tuple[dict[str, Any], ...] = ({}, {"stop_distance": 0.0, "second_target": 10.0})
    for levels in both:
        story = Story()
        (entry,) = orders(story.candles(signal(**levels)))
        (guard,) = orders(story.fill(entry, "100.00"))
        story.accept(guard)
        flatten(story, BTC)
        (sale,) = orders(story.cancelled(guard.client_order_id))
        (again,) = orders(story.reject(sale, "x") if ends == "rejected" else story.cancelled(sale.client_order_id))
        assert (again.type, again.quantity) == (guard.type, guard.quantity)


def test_a_share_on_a_new_grid_stays_a_share() -> None:
    story = begun()
    stop = story.enter()
    story.account.apply(close("0.25"))
    (share,) = orders(story.cancelled(stop.client_order_id))
    see(story, COARSE)
    (again,) = orders(story.reject(share, OFF_NEW_GRID))
    assert (again.quantity, again.purpose) == (Decimal("9.8"), Purpose.MANUAL)


def test_the_sale_of_a_part_on_a_new_grid_leaves_the_other_pair_alone() -> None:
    story = begun()
    (entry,) = orders(story.candles(signal(**LADDER)))
    (low, first), (stop, second) = pairs(story.fill(entry, "100.00"))
    story.accept(stop)
    story.accept(second)
    story.reject(low, "would_trigger")
    (sale,) = orders(story.reject(first, "would_trigger"))
    see(story, COARSE)
    (again,) = orders(story.reject(sale, OFF_NEW_GRID))
    assert again.quantity == Decimal("19.6")
    assert story.account.orders[again.client_order_id].part


def test_what_waits_for_a_cancel_is_counted_on_the_new_grid() -> None:
    sold, gone = begun(), begun()
    fine = replace(BTC, price_tick=Decimal("0.001"))
    stops = [story.enter() for story in (sold, gone)]
    sold.account.apply(close("0.5"))
    see(sold, replace(BTC, quantity_step=BTC.quantity_step / 10))
    (sale,) = orders(sold.cancelled(stops[0].client_order_id))
    assert sale.quantity == Decimal("19.98")
    gone.account.apply(RELEASED)
    see(gone, fine)
    (trade,) = trades(gone.cancelled(stops[1].client_order_id))
    assert trade.exit_price == Decimal(110)


def test_the_rest_of_a_t_is_acted_on_again() -> None:
    """Its first half was quiet and is not in the journal; what is, has its T."""
    live, again = Story(), Story()
    (entry,) = orders(live.candles(signal(ETH)))
    again.candles(signal(ETH))
    for story in (live, again):
        (guard,) = orders(story.fill(entry, "100.00"))
        story.accept(guard)
    live.candles(signal(ETH, **HOLD))
    assert not live.account.changed
    rest = CandlesClosed(time_ms=live.time, signals=(signal(),))
    again.account.as_of_ms = live.account.as_of_ms
    again.account.rereads(rest)
    assert orders(live.account.apply(rest)) == orders(again.account.apply(rest)) != []
    assert again.account.apply(rest) == []


def test_an_entry_that_waits_gives_way_to_what_a_person_adopts() -> None:
    story = Story()
    stop = story.enter()
    story.candles(signal(**LEAVE), signal(ETH))
    (guard,) = orders(story.account.apply(replace(adopted(), market=ETH.id)))
    (sale,) = orders(story.cancelled(stop.client_order_id))
    story.fill(sale, "100.00")
    assert orders(story.accept(guard)) == []
    assert story.account.slots[ETH.id].entry is None


def test_an_entry_that_waits_ends_with_its_mandate() -> None:
    story = begun()
    stop = story.enter()
    story.candles(signal(**LEAVE), signal(ETH))
    narrower = MandateChanged(time_ms=story.time, mandate=replace(MANDATE, markets=(BTC.id,)))
    assert refusals(story.account.apply(narrower)) == ["exit_not_final"]
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert orders(story.fill(sale, "100.00")) == []


def test_what_a_person_puts_in_or_takes_out_is_no_gain_and_no_loss() -> None:
    story = begun()
    limits = Limits(drawdown_max=Decimal("0.1"), daily_loss_max=Decimal("0.1"))
    story.account.apply(MandateChanged(time_ms=1, mandate=replace(MANDATE, limits=limits)))
    story.time = 10 * 86_400_000
    story.candles(signal(exposure=0.0))
    before = [
        story.account.wallet[field] for field in (limit_step.DAY_EQUITY, limit_step.WEEK_EQUITY, limit_step.PEAK_EQUITY)
    ]
    (guard,) = orders(story.account.apply(adopted("30")))
    after = [
        story.account.wallet[field] for field in (limit_step.DAY_EQUITY, limit_step.WEEK_EQUITY, limit_step.PEAK_EQUITY)
    ]
    assert [each - other for each, other in zip(after, before, strict=True)] == [BTC.quote_units(Decimal(3_000))] * 3
    story.accept(guard)
    story.account.apply(replace(RELEASED, price=Decimal(100)))
    story.cancelled(guard.client_order_id)
    assert [
        story.account.wallet[field] for field in (limit_step.DAY_EQUITY, limit_step.WEEK_EQUITY, limit_step.PEAK_EQUITY)
    ] == before
    assert len(orders(story.candles(signal()))) == 1


def test_a_sales_fee_in_base_is_held_no_more() -> None:
    """Half of 39.96 is sold for a fee of 0.02 coins; then the rest, in two fills, whose fee the next entry owes."""
    story = Story()
    stop = story.enter()
    story.account.apply(close("0.5"))
    (share,) = orders(story.cancelled(stop.client_order_id))
    (guard,) = orders(story.fill(share, "100.00", fee=Decimal("0.02"), fee_asset="BTC"))
    assert guard.quantity == Decimal("19.96")
    story.accept(guard)
    charged: dict[str, Any] = {"fee": Decimal("0.02"), "fee_asset": "BTC"}
    assert trades(story.fill(guard, "95.00", Decimal("19.95"), **charged)) == []
    assert len(trades(story.fill(guard, "95.00", Decimal("0.01"), **charged))) == 1
    row = story.account.slots[BTC.id].row
    assert (row[step.STEPS], row[step.DUST]) == (0, BTC.base_units(Decimal("-0.04")))
    (entry,) = orders(story.candles(signal()))
    (guard,) = orders(story.fill(entry, "100.00", fee_asset="USDT"))
    assert guard.quantity == entry.quantity - Decimal("0.04")


def test_what_a_person_left_of_a_position_is_whole_on_the_venues_grid() -> None:
    story = begun()
    see(story, COARSE)
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00"))
    story.accept(stop)
    story.account.apply(LotShrunk(time_ms=1, market=BTC.id, held=Decimal("20.03"), price=Decimal(100)))
    (guard,) = orders(story.cancelled(stop.client_order_id))
    story.accept(guard)
    assert guard.quantity == Decimal("19.6") == BTC.quantity(story.account.slots[BTC.id].steps())
    story.account.apply(LotShrunk(time_ms=1, market=BTC.id, held=Decimal("0.6"), price=Decimal(100)))
    assert len(trades(story.cancelled(guard.client_order_id))) == 1
    assert not story.account.slots[BTC.id].held


def test_a_part_that_is_less_than_a_step_of_the_new_grid_is_none() -> None:
    story = begun()
    both = ladder(story, target_share=0.01)
    see(story, COARSE)
    end(story, *(order for pair in both[:1] for order in pair))
    ((_, target),) = pairs(end(story, *both[1]))
    assert target.price == Decimal(110)


def test_a_part_is_closed_once_although_its_entry_fills_on() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal(**LADDER)))
    (low, first), (stop, second) = pairs(story.fill(entry, "100.00", Decimal(20)))
    for order in (low, first, stop, second):
        story.accept(order)
    story.fill(first, "104.00")
    story.fill(entry, "100.00", Decimal(20))
    ((_, near), (_, far)) = pairs(end(story, stop, second))
    assert [(near.quantity, near.price), (far.quantity, far.price)] == [
        (Decimal(10), Decimal(104)),
        (Decimal("19.96"), Decimal(110)),
    ]


@pytest.mark.parametrize("event", [EntriesResumed(time_ms=1, limits=True), close("0.5")])
def test_what_sizes_go_by_is_read_again_with_its_closes(event: Event) -> None:
    """The candles before it changed nothing and are not in the journal."""
    live, again = Story(), Story()
    for story in (live, again):
        story.enter(signal(stop_distance=50.0))
        story.account.wallet[limit_step.PEAK_EQUITY] = 10**13
    live.candles(signal(close=80.0, high=80.0, stop_distance=50.0, **HOLD))
    told = with_closes(event, live.account.slots.values())
    for story in (live, again):
        story.account.apply(told)
    assert again.account.slots[BTC.id].mark == 8_000
    assert again.account.wallet == live.account.wallet
    assert with_closes(told, Story().account.slots.values()) == told


def test_a_fee_that_a_purchase_pays_in_the_quote_asset_is_taken_from_the_mandates_cash() -> None:
    """BNB pays the fee of a purchase with BNB: no position is less for it, the money is, and so is what the trade made."""
    story = Story()
    (entry,) = orders(story.candles(signal()))
    charged: dict[str, Any] = {"fee": Decimal(3), "fee_asset": "USDT"}
    story.fill(entry, "100.00", Decimal(10), **charged)
    assert story.account.cash == Decimal(8_997)
    (stop,) = story.account.slots[BTC.id].stops
    story.fill(entry, "100.00", Decimal(30), **charged)
    slot, cash = story.account.slots[BTC.id], Decimal(5_994)
    assert (story.account.cash, slot.row[step.HOLDING]) == (cash, BTC.base_units(Decimal(40)))
    story.candles(signal(close=100.0, **HOLD))
    assert slot.unrealised() == -BTC.quote_units(Decimal(10))
    (again,) = orders(story.cancelled(stop))
    (command,) = story.fill(again, "95.00")
    assert isinstance(command, RecordTrade)
    assert story.account.cash == 10_000 + command.trade.pnl == cash + Decimal("3796.2")
    assert (command.trade.entry_fee, command.trade.exit_fee) == (Decimal(0), Decimal("9.8"))
