"""What becomes of positions, orders and money when the venue's terms or the mandate change under them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.core.account.test_account import HOLD, LEAVE, Story, cancels, orders, refusals
from tests.core.account.test_by_hand import adopted
from tests.core.account.test_protection import end, pairs, trades
from tests.nouns import BTC, ETH, FEES, MANDATE, signal
from tradepool.core.account import account_step as step
from tradepool.core.account import limit_step
from tradepool.core.account.grid import in_units_of
from tradepool.core.account.new_terms import GridsApart
from tradepool.domain.by_hand import LotShrunk
from tradepool.domain.charge import CommissionPaid
from tradepool.domain.errors import OffGrid
from tradepool.domain.event import OFF_NEW_GRID, EntriesResumed, MandateChanged, TermsSeen
from tradepool.domain.flow import Quarantined
from tradepool.domain.ids import FillId
from tradepool.domain.mandate import Limits, Mandate
from tradepool.domain.market import Market
from tradepool.domain.order import OrderType, Purpose


def see(story: Story, *markets: Market) -> bool:
    """The venue's terms; whether they were news."""
    assert story.account.apply(TermsSeen(time_ms=story.time, markets=markets)) == []
    return story.account.changed


def agree(story: Story, mandate: Mandate) -> bool:
    """The user's mandate; whether it was news."""
    assert story.account.apply(MandateChanged(time_ms=story.time, mandate=mandate)) == []
    return story.account.changed


def begun(first: Market = BTC) -> Story:
    """An account whose terms are journaled."""
    story = Story()
    assert see(story, first, ETH)
    assert agree(story, MANDATE)
    return story


COARSE = replace(BTC, price_tick=Decimal("0.5"), quantity_step=Decimal("0.7"), quantity_min=Decimal("0.7"))
FINE = replace(BTC, price_tick=Decimal("0.001"))
ROUGH = replace(BTC, quantity_step=Decimal("0.0001"), quantity_min=Decimal("0.0001"))


def test_what_is_known_is_no_news() -> None:
    story = begun()
    assert not see(story, BTC)
    assert not agree(story, MANDATE)
    assert see(story, replace(BTC, notional_min=Decimal(6)), ETH)
    assert not see(story, replace(BTC, notional_min=Decimal(6)))


def test_fees_hold_from_the_next_decision_on() -> None:
    """What an entry costs is worked out with them."""
    story = begun()
    dear = replace(BTC, fees=replace(FEES, taker_rate=Decimal("0.004")), notional_min=Decimal(50))
    see(story, dear)
    slot = story.account.slots[BTC.id]
    assert slot.listed == slot.market == dear
    assert (slot.terms[step.TAKER_PPM], slot.terms[step.NOTIONAL_MIN]) == (4_000, 5_000_000_000)


def test_a_position_is_sold_in_whole_steps_of_a_coarser_grid() -> None:
    """39.96 coins are 57 steps of 0.7; the rest is dust. The old stop may still fill for all that it stands for."""
    story = begun()
    stop = story.enter()
    see(story, COARSE)
    slot = story.account.slots[BTC.id]
    assert (slot.lot, slot.market.price_tick, slot.market.quantity_step) == (70_000, BTC.price_tick, BTC.quantity_step)
    (position,) = story.account.positions()
    assert (position.quantity, position.stop_price) == (Decimal("39.96"), Decimal(95))
    assert cancels(story.candles(signal(**LEAVE))) == [stop.client_order_id]
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert sale.quantity == Decimal("39.9")
    story.fill(sale, "100.01")
    assert story.account.positions() == []
    assert slot.row[step.DUST] * BTC.base_unit == Decimal("0.06")


def test_an_old_stop_fills_on_its_own_grid() -> None:
    story = begun()
    stop = story.enter()
    see(story, COARSE)
    assert [type(c).__name__ for c in story.fill(stop, "94.99")] == ["RecordTrade"]
    assert story.account.positions() == []
    assert story.account.slots[BTC.id].row[step.DUST] == 0


def test_levels_and_entries_are_ordered_on_the_venues_grid() -> None:
    """A stop and a target are rounded up, an entry's quantity down, and what it bought too when it is protected."""
    story = begun()
    see(story, replace(COARSE, quantity_step=Decimal(7), quantity_min=Decimal(7)))
    (entry,) = orders(story.candles(signal(stop_distance=4.7, first_target=4.1, target_share=1.0)))
    assert entry.quantity == Decimal(35)
    ((stop, target),) = pairs(story.fill(entry, "100.01"))
    assert (stop.quantity, stop.stop_price) == (Decimal(28), Decimal("95.5"))
    assert (target.quantity, target.price) == (Decimal(28), Decimal("104.5"))


def test_a_finer_grid_is_counted_in_at_once() -> None:
    """Levels, quantities and what was filled are the same in it, and orders may use it."""
    story = begun(ROUGH)
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, "100.00", Decimal(10)))
    story.accept(stop)
    before = story.account.positions()
    story.accept(entry, filled_quantity=Decimal(20))
    assert see(story, FINE)
    slot = story.account.slots[BTC.id]
    assert (slot.market, slot.lot) == (FINE, 1)
    assert story.account.orders[entry.client_order_id].told_steps == 2_000_000
    assert story.account.positions() == before
    assert slot.mark == 100_000
    assert story.account.orders[entry.client_order_id].filled_steps == 1_000_000
    assert slot.covered(story.account.orders) == slot.steps() == 999_000
    story.fill(entry, "100.001", Decimal("30"))
    assert entry.client_order_id not in story.account.orders
    (again,) = orders(story.cancelled(stop.client_order_id))
    assert (again.quantity, again.stop_price) == (Decimal("39.96"), Decimal("95.000"))


@pytest.mark.parametrize("price", ["100.005", "100.003"])
def test_a_fill_on_a_finer_grid_than_was_heard_of_is_booked_and_protected(price: str) -> None:
    """A finer grid refuses no order of ours, so that nobody looks; the terms are heard later, and say the rest."""
    story = begun(ROUGH)
    (entry,) = orders(story.candles(signal()))
    (stop,) = orders(story.fill(entry, price, Decimal("39.99995"), fee=Decimal("0.04")))
    assert (stop.type, stop.quantity, stop.stop_price) == (OrderType.STOP_LOSS, Decimal("39.9599"), Decimal("95.01"))
    story.accept(stop, filled_quantity=Decimal("0.00001"))
    assert story.account.orders[stop.client_order_id].owed
    (position,) = story.account.positions()
    assert (position.average_entry_price, position.stop_price) == (Decimal(price), Decimal(price) - 5)
    assert see(story, FINE)
    assert (story.account.slots[BTC.id].market, story.account.positions()) == (FINE, [position])


def test_a_stop_that_fills_on_a_finer_grid_than_was_heard_of_closes_the_position() -> None:
    story = begun(ROUGH)
    stop = story.enter()
    assert story.fill(stop, "94.995", Decimal("10.00005")) == []
    assert story.account.orders[stop.client_order_id].filled_steps == 200_001
    (closed,) = trades(story.fill(stop, "94.99", Decimal("29.95995")))
    assert (closed.exit_reason, story.account.positions()) == (Purpose.STOP, [])


def test_what_is_told_of_a_cancelled_order_on_a_finer_grid_than_was_heard_of_is_counted() -> None:
    story = begun()
    stop = story.enter()
    assert end(story, stop, filled="0.000005") == []
    assert story.account.changed
    assert story.account.orders[stop.client_order_id].ended


def test_a_fill_that_no_money_is_whole_in_can_be_told_again() -> None:
    story = begun()
    (entry,) = orders(story.candles(signal()))
    for _ in range(2):
        with pytest.raises(OffGrid):
            story.fill(entry, "100.00000001")
    assert not any(story.account.booked(BTC.id, FillId(number)) for number in "12")
    assert orders(story.fill(entry, "100.00"))


def test_grids_that_no_money_is_whole_in_stop_an_account_that_holds() -> None:
    """Finer ticks and coarser steps at once: a flat account goes over to them, one that holds can't."""
    finest = replace(BTC, price_tick=Decimal("0.0000001"), quantity_step=Decimal("0.1"), quantity_min=Decimal("0.1"))
    flat = begun()
    assert see(flat, finest)
    assert (flat.account.slots[BTC.id].market, flat.account.slots[BTC.id].lot) == (finest, 1)
    holder = begun()
    holder.enter()
    with pytest.raises(GridsApart, match=r"BTC/USDT went over to ticks of 1E-7 and steps of 0\.1"):
        see(holder, finest)


@pytest.mark.parametrize("kind", [OrderType.STOP_LOSS, OrderType.MARKET])
def test_an_exit_that_was_never_sent_is_made_anew_on_the_new_grid(kind: OrderType) -> None:
    """Its name never goes out again."""
    story = begun()
    (entry,) = orders(story.candles(signal()))
    (order,) = orders(story.fill(entry, "100.00"))
    if kind is OrderType.MARKET:
        story.accept(order)
        story.candles(signal(**LEAVE))
        (order,) = orders(story.cancelled(order.client_order_id))
    see(story, COARSE)
    (again,) = orders(story.reject(order, OFF_NEW_GRID))
    assert (again.type, again.side, again.quantity) == (kind, order.side, Decimal("39.9"))
    assert again.client_order_id > order.client_order_id
    assert again.purpose is (Purpose.STOP if kind is OrderType.STOP_LOSS else Purpose.SIGNAL_EXIT)


def test_what_the_venue_refused_under_terms_nobody_knew_is_protected_when_they_are_heard() -> None:
    """Whichever is heard first; at a start it is not: then the venue is asked what rests, before anything is sent."""
    for told_first in (False, True):
        story = begun()
        (entry,) = orders(story.candles(signal(stop_distance=4.7)))
        (stop,) = orders(story.fill(entry, "100.00"))
        if told_first:
            see(story, COARSE)
            (again,) = orders(story.reject(stop, "venue_rejected"))
        else:
            assert orders(story.reject(stop, "venue_rejected")) == []
            heard = TermsSeen(time_ms=story.time, markets=(COARSE, ETH), anew=True)
            (again,) = orders(story.account.apply(heard))
        assert (again.quantity, again.stop_price) == (Decimal("39.9"), Decimal("95.5"))
        story.accept(again)
        assert story.account.slots[BTC.id].row[step.UNSELLABLE] == 0
    story = begun()
    (stop,) = orders(story.fill(orders(story.candles(signal()))[0], "100.00"))
    story.reject(stop, "venue_rejected")
    assert see(story, COARSE)


def test_a_sale_of_one_step_of_the_new_grid_is_made_anew() -> None:
    story = begun()
    stop = story.enter()
    story.candles(signal(**LEAVE))
    (sale,) = orders(story.cancelled(stop.client_order_id))
    see(story, replace(BTC, quantity_step=Decimal("39.96"), quantity_min=Decimal("39.96")))
    (again,) = orders(story.reject(sale, OFF_NEW_GRID))
    assert (again.type, again.quantity) == (OrderType.MARKET, Decimal("39.96"))


def test_an_entry_that_was_never_sent_is_given_up() -> None:
    story = begun()
    (entry,) = orders(story.candles(signal()))
    assert orders(story.reject(entry, OFF_NEW_GRID)) == []
    assert story.account.wallet[step.RESERVED] == 0


def test_a_mandate_gives_and_takes_capital_limits_and_weight() -> None:
    """Capital is cash, and no loss of the day's."""
    story = begun()
    stop = story.enter()
    story.account.wallet[limit_step.DAY_EQUITY] = 10**12
    wallet = list(story.account.wallet)
    new = replace(
        MANDATE, capital=Decimal(9_000), weight=Decimal("0.2"), limits=Limits(order_notional_max=Decimal(500))
    )
    assert agree(story, new)
    account, unit = story.account, 10**8
    assert account.mandate == new
    assert account.wallet[step.CASH] == wallet[step.CASH] - 1_000 * unit
    assert account.wallet[limit_step.DAY_EQUITY] == wallet[limit_step.DAY_EQUITY] - 1_000 * unit
    for slot in account.slots.values():
        assert (slot.terms[step.WEIGHT_PPM], slot.terms[limit_step.ORDER_NOTIONAL_MAX]) == (200_000, 500 * unit)
    assert stop.client_order_id in account.orders


def test_a_mandates_markets_come_and_go() -> None:
    """In its order; one that is named no more stays while something is held there."""
    other = replace(BTC, base="XRP")
    story = begun()
    see(story, other)
    story.enter()
    assert agree(story, replace(MANDATE, markets=(other.id, ETH.id)))
    assert list(story.account.slots) == [other.id, ETH.id, BTC.id]
    assert story.account.slots[other.id].terms[step.WEIGHT_PPM] == 400_000
    assert agree(story, replace(MANDATE, markets=(BTC.id,)))
    assert list(story.account.slots) == [BTC.id]
    assert story.account.positions()


def test_the_first_terms_are_taken_as_they_are_and_news_after_what_is_known_is_heard() -> None:
    story = Story()
    assert see(story, COARSE)
    assert (story.account.slots[BTC.id].market, story.account.slots[BTC.id].lot) == (COARSE, 1)
    assert see(story, COARSE, replace(ETH, notional_min=Decimal(6)))
    assert story.account.slots[ETH.id].market.notional_min == 6


def test_money_is_counted_in_the_units_it_was_counted_in() -> None:
    story = begun(replace(BTC, base_unit=Decimal("0.000001")))
    see(story, replace(BTC, notional_min=Decimal(6)))
    market = story.account.slots[BTC.id].market
    assert (market.notional_min, market.base_unit) == (Decimal(6), Decimal("0.000001"))
    held = replace(BTC, base_unit=Decimal("0.000001"), quote_unit=BTC.quote_unit / 10)
    assert in_units_of(held, BTC) == held


FINEST = replace(BTC, price_tick=Decimal("0.0000001"), quantity_step=Decimal("0.1"), quantity_min=Decimal("0.1"))


def test_an_order_on_its_way_there_stops_an_account_as_a_position_does_and_one_elsewhere_does_not() -> None:
    story = begun()
    story.candles(signal(ETH))
    assert see(story, FINEST)
    story = begun()
    story.candles(signal())
    with pytest.raises(GridsApart):
        see(story, FINEST)
    bare = begun()
    (entry,) = orders(bare.candles(signal(stop_distance=0.0)))
    assert orders(bare.fill(entry, "100.00")) == []
    assert bare.account.orders == {}
    with pytest.raises(GridsApart):
        see(bare, FINEST)


def test_what_is_about_to_be_released_is_the_same_on_a_finer_grid() -> None:
    story = begun(ROUGH)
    stop = story.enter()
    story.account.apply(LotShrunk(time_ms=1, market=BTC.id, held=Decimal("39"), price=Decimal(110)))
    see(story, FINE)
    (again,) = orders(story.cancelled(stop.client_order_id))
    assert again.quantity == Decimal(39)


def test_a_level_of_one_tick_is_the_same_on_a_finer_grid() -> None:
    story = begun()
    story.account.apply(adopted("2000", stop="0.01"))
    before = story.account.positions()
    assert before[0].stop_price == BTC.price_tick
    assert see(story, FINE)
    assert story.account.positions() == before


def test_a_position_without_an_order_stays_with_its_account_too() -> None:
    story = begun()
    (entry,) = orders(story.candles(signal(stop_distance=0.0)))
    story.fill(entry, "100.00")
    assert agree(story, replace(MANDATE, markets=(ETH.id,)))
    assert list(story.account.slots) == [ETH.id, BTC.id]


def test_a_bill_is_no_news_to_an_account_that_trades() -> None:
    story = begun()
    assert story.account.apply(CommissionPaid(time_ms=1, currency="USDT", amount=Decimal(-5), by="eva")) == []
    assert not story.account.changed


def test_a_quarantine_ends_what_waits() -> None:
    story = begun()
    stop = story.enter()
    story.candles(signal(**LEAVE), signal(ETH))
    told = Quarantined(time_ms=story.time, why="it jumped")
    assert refusals(story.account.apply(told)) == ["quarantined"]
    (sale,) = orders(story.cancelled(stop.client_order_id))
    assert orders(story.fill(sale, "100.00")) == []


def test_a_person_measures_losses_from_here_and_that_is_news() -> None:
    story = begun()
    story.enter()
    story.account.wallet[limit_step.PEAK_EQUITY] = 10**15
    resumed = EntriesResumed(time_ms=story.time, limits=True, closes=((BTC.id, 50.0),))
    assert story.account.apply(resumed) == []
    assert story.account.changed
    assert story.account.wallet[limit_step.PEAK_EQUITY] == story.account.equity_units()
    assert story.account.slots[BTC.id].mark == 5_000
    story.candles(signal(**HOLD))
