"""A row as nouns: a closed trade, an open position, what a market is worth, and what a canary may put at stake."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.core.account.rows import slot as row_of
from tests.core.account.test_account import LEAVE, Story, orders
from tests.nouns import ACCOUNT, BTC, ETH, MANDATE, STRATEGY, request, signal
from tradepool.core.account import account_step as step
from tradepool.core.account.canary import at_stake_with, beyond, notional_of
from tradepool.core.account.prices import prices_of
from tradepool.core.account.round_trip import RoundTrip, average_price, position_of
from tradepool.core.account.slot import Slot, with_closes
from tradepool.core.account.terms import terms_of
from tradepool.domain.by_hand import CloseAsked
from tradepool.domain.event import CandlesClosed, EntriesResumed, StreamRestored
from tradepool.domain.mandate import NO_LIMITS, CanaryCap
from tradepool.domain.market import Market
from tradepool.domain.order import Purpose, Side
from tradepool.domain.position import Position
from tradepool.domain.trade import Origin, Trade

D = Decimal
# Two steps in at 100, out at 110: 0.00002 of a coin, worth 0.002 and 0.0022.
TRIP = RoundTrip(11, 2, 200_000, 3, 22, 2, 220_000, 4, step.TARGET_HIT, step.LONG)
# Its base is counted in millionths; a perpetual's fees are all in quote.
SPOT = replace(BTC, base_unit=D("0.000001"))
PERPETUAL = replace(SPOT, kind="perpetual")


def slot(market: Market = BTC, /, mark: int = 0, **numbers: int) -> Slot:
    """A position's slot with these numbers in its row."""
    return Slot(market, terms_of(market, D(1), NO_LIMITS), row=row_of(**numbers), mark=mark)


def test_a_round_trip_is_a_trade() -> None:
    assert TRIP.trade(ACCOUNT.id, STRATEGY, SPOT, Origin.REAL) == Trade(
        account=ACCOUNT.id,
        strategy_id=STRATEGY,
        market=BTC.id,
        side=Side.BUY,
        entry_time_ms=11,
        entry_price=D(100),
        exit_time_ms=22,
        exit_price=D(110),
        quantity=D("0.00002"),
        entry_fee=D("0.000003"),
        exit_fee=D("0.00000004"),
        pnl=D("0.00019996"),
        exit_reason=Purpose.TARGET,
        origin=Origin.REAL,
    )


def test_a_shorts_trade_began_with_a_sale_and_its_fees_are_in_quote() -> None:
    trade = replace(TRIP, side=step.SHORT).trade(ACCOUNT.id, STRATEGY, PERPETUAL, Origin.BACKTEST)
    assert (trade.side, trade.entry_fee, trade.pnl) == (Side.SELL, D("0.00000003"), D("-0.00020007"))


def test_an_average_price_is_exact_where_it_is_on_the_grid_and_a_quotient_where_not() -> None:
    assert str(average_price(BTC, 200_000, 2)) == "100.00"
    assert average_price(BTC, 200_010, 2) == D("100.005")
    assert average_price(BTC, 7, 2) == D("0.0035")


def test_an_open_position_is_what_its_row_says() -> None:
    numbers = {"HOLDING": 19, "ENTRY_COST": 200_010, "ENTRY_STEPS": 2, "ENTRY_TIME": 11, "ENTRY_FEE": 3, "STOP": 9_000}
    position = Position(
        account=ACCOUNT.id,
        mandate=MANDATE.id,
        strategy_id=STRATEGY,
        market=BTC.id,
        quantity=D("0.000019"),
        average_entry_price=D("100.005"),
        opened_time_ms=11,
        entry_fee=D("0.000003"),
        stop_price=D(90),
    )
    assert slot(SPOT, **numbers).position(MANDATE) == position
    bare = slot(SPOT, **{**numbers, "STOP": 0, "UNSELLABLE": 1}).position(MANDATE)
    assert bare == replace(position, stop_price=None, unsellable=True)
    of_perpetual = position_of(
        row_of(**numbers), account=ACCOUNT.id, mandate=MANDATE.id, strategy_id=STRATEGY, market=PERPETUAL
    )
    assert of_perpetual.entry_fee == D("0.00000003")


def test_what_an_open_position_would_bring_if_it_were_sold_now() -> None:
    """A thousand steps of 2,000 that were bought at 100 are left, at 110: worth 0.11 coins' price, less a thousandth."""
    numbers = {"HOLDING": 1_000_000, "ENTRY_COST": 200_000_000, "EXIT_PROCEEDS": 105_000_000, "EXIT_FEE": 105_000}
    worth, fee = 110_000_000, 110_000
    assert slot(BTC, 11_000, **numbers).worth() == worth
    assert slot(BTC, 11_000, **numbers).unrealised() == worth - fee + 105_000_000 - 105_000 - 200_000_000
    assert slot(BTC, 11_000, **{**numbers, "HOLDING": 0}).unrealised() == 0


def test_prices_are_the_last_that_were_heard_or_what_was_paid() -> None:
    story = Story()
    assert prices_of(story.account) == {"USDT": D(1)}
    story.candles(signal(close=100.0, exposure=0.0), signal(ETH, close=3.5, exposure=0.0))
    assert prices_of(story.account) == {"BTC": D(100), "ETH": D("3.5"), "USDT": D(1)}
    bought = Story()
    (entry,) = orders(bought.candles(signal()))
    bought.fill(entry, "101.00")
    bought.account.slots[BTC.id].mark = 0
    assert prices_of(bought.account) == {"BTC": D(101), "USDT": D(1)}


def test_a_canary_risks_little_in_one_order_in_all_and_in_how_many() -> None:
    story = Story()
    story.enter()
    story.candles(signal(close=100.0, exposure=1.0, previous_exposure=1.0), signal(ETH, close=10.0, exposure=0.0))
    account, one = story.account, request(market=ETH.id, quantity=D(2))
    more = request(market=BTC.id, quantity=D(1))
    assert (notional_of(account, one), at_stake_with(account, one)) == (D(20), D(3_996) + 20)
    cap = CanaryCap(order_notional_max=D(20), exposure_max=D(4_016), positions_max=2)
    assert beyond(cap, account, one) == ""
    assert beyond(replace(cap, order_notional_max=D("19.99")), account, one) == "canary_order"
    assert beyond(replace(cap, positions_max=1), account, one) == "canary_positions"
    assert beyond(replace(cap, exposure_max=D("4015.99")), account, one) == "canary_exposure"
    assert beyond(CanaryCap(order_notional_max=D(100), exposure_max=D(4_096)), account, more) == ""


def test_of_two_entries_on_their_way_the_first_goes_and_counts_for_the_second() -> None:
    """In whatever order they are asked: what nothing is heard of yet counts for what was made after it."""
    story = Story()
    first, second = orders(story.candles(signal(), signal(ETH)))
    cap = CanaryCap(order_notional_max=D(4_000), exposure_max=D(4_000), positions_max=1)
    assert (beyond(cap, story.account, first), at_stake_with(story.account, first)) == ("", D(4_000))
    assert (beyond(cap, story.account, second), at_stake_with(story.account, second)) == ("canary_positions", D(8_000))
    assert beyond(replace(cap, positions_max=2), story.account, second) == "canary_exposure"
    story.fill(second, "100.00", D("0.01"))
    assert (beyond(cap, story.account, first), at_stake_with(story.account, first)) == ("canary_positions", D(8_000))


def test_events_that_size_by_closes_are_told_those_of_what_is_held_and_has_no_candle() -> None:
    held = [slot(BTC, 10_050, HOLDING=1), slot(ETH, 999, HOLDING=1), slot(replace(BTC, base="XRP"), 5)]
    both = ((BTC.id, 100.5), (ETH.id, 9.99))
    candles = CandlesClosed(time_ms=1, signals=(signal(),))
    assert with_closes(candles, held) == replace(candles, closes=both[1:])
    resumed, asked = EntriesResumed(time_ms=1), CloseAsked(time_ms=1, market=BTC.id, share=D(1))
    assert with_closes(resumed, held) == replace(resumed, closes=both)
    assert with_closes(asked, held) == replace(asked, closes=both)
    quiet, other = CandlesClosed(time_ms=1, signals=()), StreamRestored(time_ms=1)
    assert with_closes(quiet, held[2:]) is quiet
    assert with_closes(other, held) is other


@pytest.mark.parametrize(
    ("holding", "steps", "fee", "least", "lot", "left"),
    [
        (10_000, 10, 0, 0, 1, 10),
        (10_000, 10, 1, 0, 1, 9),
        (10_000, 10, 1_000, 0, 1, 9),
        (10_999, 10, 999, 0, 1, 10),
        (10_000, 10, 1, 10, 1, 10),
        (10_000, 10, 1, 0, 4, 8),
        (12_000, 8, 1, 0, 4, 8),
    ],
)
def test_a_fee_in_base_is_of_what_could_be_sold(
    holding: int, steps: int, fee: int, least: int, lot: int, left: int
) -> None:
    found = slot(HOLDING=holding, STEPS=steps)
    found.lot = lot
    found.pay_in_base(fee, least)
    assert found.row == row_of(HOLDING=holding - fee, STEPS=left)


@pytest.mark.parametrize(
    ("lot", "steps", "part", "left", "target"),
    [
        (4, 11, 6, (8, 4), 105),
        (4, 11, 4, (8, 4), 105),
        (4, 11, 3, (8, 0), 109),
        (2, 3, 1, (2, 0), 109),
        (4, 11, 0, (8, 0), 105),
        (1, 11, 6, (11, 6), 105),
    ],
)
def test_what_is_held_is_whole_in_the_venues_steps(
    lot: int, steps: int, part: int, left: tuple[int, int], target: int
) -> None:
    """A part that is less than one has no target of its own any more."""
    found = slot(BTC, STEPS=steps, PART=part, TARGET=105, NEXT_TARGET=109)
    found.lot = lot
    found.keep_whole()
    assert (found.row[step.STEPS], found.row[step.PART]) == left
    assert found.row[step.TARGET] == target


def test_what_a_mandate_has_in_a_market_is_its_entrys_cost_or_its_worth() -> None:
    story = Story()
    (entry,) = orders(story.candles(signal()))
    stake = story.account.slots[BTC.id].stake()
    assert stake == BTC.quote_units(D(4_000))
    story.fill(entry, "100.00")
    story.account.mark(BTC.id, 110.0)
    assert story.account.slots[BTC.id].stake() == BTC.quote_units(D("39.96") * 110)


def test_an_order_is_on_the_grid_of_now_with_its_quantity_and_its_prices() -> None:
    coarse = slot()
    coarse.relist(replace(BTC, price_tick=D("0.5"), quantity_step=D("0.7")), BTC)
    good = request(quantity=D("1.4"))
    assert coarse.on_grid(good)
    assert coarse.on_grid(replace(good, stop_price=D("1.5"), price=D(2)))
    off = D("1.6")
    for bad in (replace(good, quantity=off), replace(good, stop_price=off), replace(good, price=off)):
        assert not coarse.on_grid(bad)


def test_a_share_that_is_being_sold_is_not_all_of_it() -> None:
    found = slot(HOLDING=5_000, STEPS=5)
    assert not found.leaving({})
    for steps, leaving in ((0, True), (1, False), (4, False), (5, True), (6, True)):
        found.after_cancel, found.sell_steps = step.SELL, steps
        assert found.leaving({}) is leaving
    found.after_cancel, found.sell_steps = step.RELEVEL, 0
    assert not found.leaving({})


def test_an_exit_in_whole_lots_is_all_that_can_be_sold() -> None:
    story = Story()
    stop = story.enter()
    account = story.account
    story.candles(signal(**LEAVE))
    story.cancelled(stop.client_order_id)
    found = account.slots[BTC.id]
    assert found.leaving(account.orders)
    found.lot = 2_000_000
    assert found.leaving(account.orders)
    found.lot, found.row[step.STEPS] = 1, found.steps() + 1
    assert not found.leaving(account.orders)


def test_a_ladder_without_a_stop_lacks_a_target_that_could_be_sold() -> None:
    """A hundred thousand steps (a coin) at 100 are worth 100; the least that is sold is worth 10.03."""
    plain = {"HOLDING": 10**8, "STEPS": 100_000, "TARGET": 10_000}
    assert slot(BTC, **plain).lacks_target({})
    assert not slot(BTC, **{**plain, "STOP": 9_000}).lacks_target({})
    assert not slot(BTC, **{**plain, "TARGET": 0}).lacks_target({})
    for steps, lacks in ((10_030, True), (10_029, False)):
        assert slot(BTC, **{**plain, "STEPS": steps}).lacks_target({}) is lacks
        assert slot(BTC, **{**plain, "PART": steps}).lacks_target({}) is lacks
        assert slot(BTC, **{**plain, "PART": steps, "NEXT_TARGET": 11_000}).lacks_target({})
    coarse = slot(BTC, **{**plain, "STEPS": 20_000})
    for lot, lacks in ((20_000, True), (20_001, False)):
        coarse.lot = lot
        assert coarse.lacks_target({}) is lacks


@pytest.mark.parametrize(
    ("stop", "smallest", "bare"), [(1, 10, True), (1, 11, False), (2, 20, True), (0, 0, False), (0, 11, False)]
)
def test_what_should_have_a_stop_and_could_be_sold_there_is_bare_without_it(
    stop: int, smallest: int, bare: bool
) -> None:
    """Ten steps, worth ten at a price of one tick."""
    found = slot(HOLDING=1, STEPS=10, STOP=stop)
    found.terms[step.UNITS_PER_TICK_STEP], found.terms[step.SMALLEST_SELL] = 1, smallest
    assert found.bare({}) is bare


@pytest.mark.parametrize(
    ("holding", "stop", "target", "awaits"), [(1, 1, 2, True), (0, 1, 2, False), (1, 0, 1, False), (1, 1, 0, False)]
)
def test_what_has_both_levels_and_no_target_at_the_venue_awaits_its_price(
    holding: int, stop: int, target: int, awaits: bool
) -> None:
    assert slot(HOLDING=holding, STEPS=10, STOP=stop, TARGET=target).awaits_target({}) is awaits
