"""The words of the account step that decide, in plain Python: when a position is left, its stop moved, an entry sized."""

from __future__ import annotations

import pytest

from tests.core.account.rows import slot, terms, wallet
from tradepool.core.account import account_step as step
from tradepool.core.account import limit_step

LONG, SHORT = step.LONG, step.SHORT
# Ten steps of two units a tick, with a stop at 90 that rests.
HELD = {"STEPS": 10, "HOLDING": 100, "SIDE": LONG, "STOP": 90, "RESTING": 1}


def decide(
    row: list[int],
    exposure: float = 1.0,
    best: int = 100,
    trail: float = 0.0,
    least_gain: float = 0.0,
    time_ms: int = 0,
    smallest: int = 0,
) -> int:
    """At a close of 100 ticks, with two ticks per unit of price."""
    fixed = terms(UNITS_PER_TICK_STEP=2, SMALLEST_SELL=smallest)
    return step.decide_held(row, fixed, 2.0, exposure, best, 100, trail, least_gain, time_ms)


@pytest.mark.parametrize(
    ("side", "exposure", "leave", "time_ms", "wish"),
    [
        (LONG, 1.0, 0, 99, step.NOTHING),
        (LONG, 1e-9, 0, 99, step.NOTHING),
        (LONG, 0.0, 0, 99, step.SELL),
        (LONG, -1.0, 0, 99, step.SELL),
        (SHORT, -1.0, 0, 99, step.NOTHING),
        (SHORT, 0.0, 0, 99, step.SELL),
        (SHORT, 1.0, 0, 99, step.SELL),
        (LONG, 1.0, 10, 9, step.NOTHING),
        (LONG, 1.0, 10, 10, step.TIME_UP),
        (LONG, 1.0, 1, 1, step.TIME_UP),
        (LONG, 0.0, 10, 10, step.SELL),
    ],
)
def test_a_position_is_left_by_signal_or_time(side: int, exposure: float, leave: int, time_ms: int, wish: int) -> None:
    assert decide(slot(**{**HELD, "SIDE": side, "LEAVE_TIME": leave}), exposure, time_ms=time_ms) == wish


@pytest.mark.parametrize(("smallest", "wish", "unsellable"), [(2_000, step.SELL, 0), (2_001, step.NOTHING, 1)])
def test_what_is_too_small_to_be_sold_is_kept_and_marked(smallest: int, wish: int, unsellable: int) -> None:
    row = slot(**HELD, UNSELLABLE=1 - unsellable)
    assert decide(row, 0.0, smallest=smallest) == wish
    assert row == slot(**HELD, UNSELLABLE=unsellable)


@pytest.mark.parametrize(
    ("side", "stop", "best", "trail", "least_gain", "level"),
    [
        (LONG, 90, 110, 5.0, 0.0, 100),
        (LONG, 90, 110, 5.4, 0.0, 100),
        (LONG, 90, 110, 5.0, 5.0, 100),
        (LONG, 90, 110, 5.0, 5.1, None),
        (LONG, 90, 101, 5.0, 0.4, 91),
        (LONG, 90, 100, 5.0, 0.0, None),
        (LONG, 90, 99, 5.0, 0.0, None),
        (LONG, 90, 110, 0.0, 0.0, None),
        (LONG, 90, 100, 0.5, 0.0, 99),
        (LONG, 1, 20, 5.0, 5.0, None),
        (LONG, 0, 110, 54.5, 0.0, 1),
        (LONG, 0, 110, 55.0, 0.0, None),
        (LONG, 0, 110, 99_999.0, 0.0, None),
        (SHORT, 110, 90, 5.0, 0.0, 100),
        (SHORT, 110, 90, 5.0, 5.1, None),
        (SHORT, 110, 100, 5.0, 0.0, None),
        (SHORT, 0, 90, 99_999.0, 0.0, 100_090),
    ],
)
def test_a_trailing_level_moves_only_forward_and_by_enough(
    side: int, stop: int, best: int, trail: float, least_gain: float, level: int | None
) -> None:
    """Two ticks a unit: a distance of 5 is 10 ticks, rounded down; the least gain is rounded up."""
    row = slot(**{**HELD, "SIDE": side, "STOP": stop})
    wish = decide(row, float(side), best, trail, least_gain)
    assert (wish, row[step.NEXT_STOP]) == ((step.NOTHING, 0) if level is None else (step.RELEVEL, level))
    assert row[step.STOP] == stop


@pytest.mark.parametrize(
    ("side", "stop", "best", "level"),
    [
        (LONG, 90, 104, None),
        (LONG, 90, 105, 100),
        (LONG, 99, 106, 100),
        (LONG, 100, 106, None),
        (LONG, 101, 106, None),
        (LONG, 0, 105, 100),
        (SHORT, 0, 105, 110),
        (SHORT, 110, 106, None),
        (SHORT, 110, 105, 110),
        (SHORT, 111, 104, 110),
        (SHORT, 109, 104, None),
    ],
)
def test_a_stop_goes_to_the_entry_price_once_enough_is_gained(
    side: int, stop: int, best: int, level: int | None
) -> None:
    """From 105 on, 5 from the entry: that is 100 for a long and 110 for a short."""
    row = slot(**{**HELD, "SIDE": side, "STOP": stop, "BREAK_AT": 105, "BREAK_DISTANCE": 5})
    wish = decide(row, float(side), best)
    moves = level is not None and level != stop
    assert wish == (step.RELEVEL if moves else step.NOTHING)
    assert row[step.NEXT_STOP] == (level if moves else 0)


@pytest.mark.parametrize(
    ("stop", "resting", "best", "smallest", "wish", "unsellable"),
    [
        (90, 1, 100, 0, step.NOTHING, 7),
        (90, 0, 100, 1_800, step.RELEVEL, 0),
        (90, 0, 100, 1_801, step.NOTHING, 1),
        (90, 1, 110, 2_000, step.RELEVEL, 0),
        (90, 1, 110, 2_001, step.NOTHING, 0),
        (1, 0, 0, 0, step.RELEVEL, 0),
        (0, 0, 0, 0, step.NOTHING, 7),
    ],
)
def test_a_stop_that_does_not_rest_is_placed_if_it_is_large_enough(
    stop: int, resting: int, best: int, smallest: int, wish: int, unsellable: int
) -> None:
    """At a best of 110 it trails to 100; one that rests protects, though the next would be too small."""
    row = slot(**{**HELD, "STOP": stop, "RESTING": resting, "UNSELLABLE": 7})
    assert decide(row, 1.0, best, 5.0 if best == 110 else 0.0, smallest=smallest) == wish
    assert row[step.UNSELLABLE] == unsellable


def test_a_stop_that_was_moved_is_a_trailing_one_for_good() -> None:
    row = slot(STOP=90, NEXT_STOP=90)
    assert step.relevel(row) == step.STOP_HIT
    assert row == slot(STOP=90, NEXT_STOP=90)
    row = slot(STOP=90, NEXT_STOP=95)
    assert [step.relevel(row), step.relevel(row)] == [step.TRAILING_HIT, step.TRAILING_HIT]
    assert row == slot(STOP=95, NEXT_STOP=95, TRAILED=1)
    row = slot(UNSELLABLE=1)
    step.stop_rests(row)
    assert row == slot(RESTING=1)


def test_a_strategy_that_only_trails_begins_with_that_distance() -> None:
    assert [step.first_distance(*each) for each in ((2.0, 3.0), (0.0, 3.0), (0.5, 3.0))] == [2.0, 3.0, 0.5]


@pytest.mark.parametrize(
    ("steps", "distance", "side", "smallest", "enough"),
    [
        # At 100 a short, and what has no stop, is taken at 80: four steps of two units are worth 640.
        (4, 0, LONG, 609, True),
        (4, 0, LONG, 610, False),
        (4, 30, SHORT, 609, True),
        (4, 30, SHORT, 610, False),
        (4, 1, LONG, 754, True),
        (4, 1, LONG, 755, False),
        (4, 79, LONG, 160, True),
        (4, 79, LONG, 161, False),
        (1, 0, LONG, 152, True),
        (4, 200, LONG, 7, True),
        (4, 200, LONG, 8, False),
        (0, 0, LONG, 0, False),
    ],
)
def test_an_entry_can_be_closed_with_a_twentieth_to_spare(
    steps: int, distance: int, side: int, smallest: int, enough: bool
) -> None:
    fixed = terms(UNITS_PER_STEP=10, UNITS_PER_TICK_STEP=2, SMALLEST_SELL=smallest, STEPS_MIN=1)
    assert step.smallest_entry(slot(), fixed, steps, 100, distance, side) is enough


@pytest.mark.parametrize(
    ("taker", "in_quote", "dust", "smallest", "enough"),
    [
        # A tenth of 40 units is 4: 36 are three whole steps, with 4 of dust four. Sold for 640 (480), less a tenth.
        (100_000, 0, 3, 411, True),
        (100_000, 0, 3, 412, False),
        (100_000, 0, 4, 548, True),
        (100_000, 0, 4, 549, False),
        (100_000, 1, 0, 548, True),
        (100_000, 1, 0, 549, False),
    ],
)
def test_fees_and_dust_count_in_what_can_be_closed(
    taker: int, in_quote: int, dust: int, smallest: int, enough: bool
) -> None:
    fixed = terms(
        UNITS_PER_STEP=10, UNITS_PER_TICK_STEP=2, TAKER_PPM=taker, FEE_IN_QUOTE=in_quote, SMALLEST_SELL=smallest
    )
    assert step.smallest_entry(slot(DUST=dust), fixed, 4, 100, 0, LONG) is enough


@pytest.mark.parametrize(
    ("steps", "least", "dust", "enough"),
    [
        # A tenth of all steps is the fee: of ten nine are left, of thirteen eleven and of 100, which need no division, 90.
        (10, 9, 0, True),
        (10, 10, 0, False),
        (10, 10, 10, True),
        (13, 11, 0, True),
        (13, 12, 0, False),
        (100, 80, 0, True),
        (100, 90, 0, True),
        (100, 91, 0, False),
    ],
)
def test_what_is_left_of_an_entry_is_at_least_what_the_venue_takes(
    steps: int, least: int, dust: int, enough: bool
) -> None:
    """Else neither its stop nor its sale would be taken, although they are worth enough."""
    fixed = terms(UNITS_PER_STEP=10, UNITS_PER_TICK_STEP=2, TAKER_PPM=100_000, SMALLEST_SELL=10, STEPS_MIN=least)
    assert step.smallest_entry(slot(DUST=dust), fixed, steps, 100, 0, LONG) is enough


@pytest.mark.parametrize(
    ("units", "taker", "least", "smallest", "owed"),
    [(10, 100_000, 9, 0, 1), (10, 100_000, 1, 7, 1), (10**6, 100_001, 8, 0, 10**6 - 1)],
)
def test_dust_that_is_owed_lessens_what_is_left_of_ten_steps(
    units: int, taker: int, least: int, smallest: int, owed: int
) -> None:
    """At a price of one: no short cut says that it is enough."""
    fixed = terms(UNITS_PER_STEP=units, UNITS_PER_TICK_STEP=1, TAKER_PPM=taker, SMALLEST_SELL=smallest, STEPS_MIN=least)
    answers = [step.smallest_entry(slot(DUST=dust), fixed, 10, 1, 0, LONG) for dust in (0, -owed)]
    assert answers == [True, False]


def test_what_a_large_sale_left_owed_may_be_more_than_a_step() -> None:
    """Of 30 steps 20 are owed: 10 are left to sell, of 29 no more than 9."""
    fixed = terms(UNITS_PER_STEP=10, UNITS_PER_TICK_STEP=1, STEPS_MIN=10)
    assert [step.smallest_entry(slot(DUST=-200), fixed, steps, 100, 0, LONG) for steps in (29, 30)] == [False, True]


def test_a_holding_is_worth_its_price_rounded_down() -> None:
    fixed = terms(UNITS_PER_STEP=10, UNITS_PER_TICK_STEP=3)
    assert [step.worth(holding, 7, fixed) for holding in (10, 15, 1, -1)] == [21, 31, 2, -3]


# Equity 10,000, half of it in one market, at 100 ticks of two units each a step: 25 steps.
SIZED = {
    "UNITS_PER_STEP": 10,
    "UNITS_PER_TICK_STEP": 2,
    "WEIGHT_PPM": 500_000,
    "STEPS_MIN": 1,
    "STEPS_MAX": 25,
    "MONEY_MAX": 10_001,
}


def size(row: list[int], equity: int = 10_000, distance: float = 0.0, side: int = LONG, **change: int) -> int:
    return step.size_entry(
        wallet(DAY_EQUITY=1_000), row, terms(**{**SIZED, **change}), 2.0, equity, 100, distance, side
    )


@pytest.mark.parametrize(
    ("change", "steps", "refusal"),
    [
        ({}, 25, 0),
        ({"STEPS_MIN": 25}, 25, 0),
        ({"STEPS_MIN": 26}, 0, step.BELOW_MINIMUM),
        ({"SMALLEST_SELL": 5_000}, 0, step.BELOW_MINIMUM),
        ({"SMALLEST_SELL": 3_809}, 25, 0),
        ({"STEPS_MAX": 24}, 0, step.TOO_LARGE),
        ({"MONEY_MAX": 10_000}, 0, step.TOO_LARGE),
        ({"ORDER_NOTIONAL_MAX": 4_999}, 24, 0),
        ({"ORDER_NOTIONAL_MAX": 4_999, "STEPS_MIN": 25}, 0, limit_step.ORDER_NOTIONAL),
        ({"ORDER_NOTIONAL_MAX": 199}, 0, limit_step.ORDER_NOTIONAL),
        ({"DAILY_LOSS_PPM": 1}, 25, 0),
        ({"EXPOSURE_MAX": 4_999}, 24, 0),
    ],
)
def test_an_entry_is_sized_from_equity_and_cut_or_refused_by_name(
    change: dict[str, int], steps: int, refusal: int
) -> None:
    row = slot(REFUSAL=99, STOP_DISTANCE=99)
    assert size(row, **change) == steps
    sized = {"WISH_COST": 200 * steps, "WISH_SIDE": LONG} if steps else {"STOP_DISTANCE": 99}
    assert row == slot(REFUSAL=refusal, **sized)


def test_who_owes_has_nothing_to_size_from_and_who_lost_is_refused() -> None:
    row = slot()
    assert (size(row, -5), row[step.REFUSAL]) == (0, step.BELOW_MINIMUM)
    assert (size(row, 500, DAILY_LOSS_PPM=500_000), row[step.REFUSAL]) == (0, limit_step.DAILY_LOSS)


def test_a_stop_is_taken_down_in_ticks_and_never_farther_than_is_counted() -> None:
    """The trade risk cuts by it too: 1 % of 10,000 over a stop 10 away, at 100, is 1,000."""
    for distance, side, ticks in ((5.4, LONG, 10), (5.0, SHORT, 10), (1e9, LONG, 100_000)):
        row = slot()
        assert size(row, distance=distance, side=side) == 25
        assert (row[step.STOP_DISTANCE], row[step.WISH_SIDE]) == (ticks, side)
    assert size(slot(), distance=5.0, TRADE_RISK_PPM=10_000) == 5
    # A long is measured at its stop, a short is not.
    assert size(slot(), distance=5.0, SMALLEST_SELL=4_285) == 25
    assert size(slot(), distance=5.0, SMALLEST_SELL=4_286) == 0
    assert size(slot(), distance=1.0, side=SHORT, SMALLEST_SELL=3_810) == 0


@pytest.mark.parametrize(
    ("cost", "taker", "most", "needs"),
    [
        (1, 0, 0, 2),
        (1_000, 0, 0, 1_005),
        (1_001, 0, 0, 1_007),
        (1_200, 0, 0, 1_206),
        (1_000, 1_000, 0, 1_006),
        (1_000, 20_000, 0, 1_025),
        (1_000, 1_000, 5_000, 1_006),
        (1_000, 0, 20_000, 1_020),
        (1_000, 1_000, 100_000, 1_101),
    ],
)
def test_an_entry_needs_its_cost_a_two_hundredth_more_or_what_its_limit_costs_and_the_fee(
    cost: int, taker: int, most: int, needs: int
) -> None:
    fixed = terms(TAKER_PPM=taker, ENTRY_LIMITED=1, ENTRY_SLIPPAGE_PPM=most)
    assert step.entry_cash(cost, fixed) == needs
    for free, there in ((needs, True), (needs - 1, False), (2 * cost, True)):
        assert step.cash_is_there(wallet(CASH=free + 7, RESERVED=7), slot(WISH_COST=cost), fixed) is there


@pytest.mark.parametrize(("cash", "steps", "refusal"), [(5_025, 25, 0), (5_024, 0, step.INSUFFICIENT_CASH)])
def test_an_entry_waits_for_no_cash(cash: int, steps: int, refusal: int) -> None:
    row, distance = slot(), 5.0
    money = wallet(CASH=cash)
    assert step.decide_entry(money, row, terms(**SIZED), 2.0, 10_000, 100, distance, SHORT) == steps
    assert (row[step.REFUSAL], row[step.STOP_DISTANCE], row[step.WISH_SIDE]) == (refusal, 10, SHORT)
    assert step.decide_entry(money, row, terms(**SIZED), 2.0, 10_001, 100, distance, LONG) == 0
    assert row[step.REFUSAL] == step.TOO_LARGE


def test_one_step_needs_its_cash_too() -> None:
    row = slot()
    assert step.decide_entry(wallet(), row, terms(**SIZED), 2.0, 400, 100, 0.0, LONG) == 0
    assert row == slot(REFUSAL=step.INSUFFICIENT_CASH, WISH_COST=200, WISH_SIDE=LONG)


def test_a_short_from_which_a_tick_is_the_break_even_moves_its_stop() -> None:
    row = slot(**{**HELD, "SIDE": SHORT, "STOP": 110, "BREAK_AT": 1, "BREAK_DISTANCE": 5})
    assert (decide(row, -1.0, 2), decide(row, -1.0, 1), row[step.NEXT_STOP]) == (step.NOTHING, step.RELEVEL, 6)
