"""The words that book, in plain Python, row by row: what is taken down of an entry, and what fills make of a position."""

from __future__ import annotations

import pytest

from tests.core.account.rows import slot, terms, wallet
from tradepool.core.account import account_step as step
from tradepool.core.account import booking

LONG, SHORT = step.LONG, step.SHORT
SPOT = {"UNITS_PER_STEP": 10, "UNITS_PER_TICK_STEP": 2, "STEPS_MIN": 1}
PERPETUAL = {**SPOT, "FEE_IN_QUOTE": 1}
# What a round trip that was recorded before leaves in a row, and the next one overwrites.
OLD = dict.fromkeys(
    ("STOP", "RESTING", "TRAILED", "UNSELLABLE", "ENTRY_TIME", "ENTRY_STEPS", "ENTRY_COST", "ENTRY_FEE"), 77
) | dict.fromkeys(
    ("EXIT_STEPS", "EXIT_PROCEEDS", "EXIT_FEE", "LEAVE_TIME", "SIDE", "TARGET", "NEXT_TARGET", "PART"), 77
)


@pytest.mark.parametrize(
    ("first", "second", "share", "taken"),
    [
        (0.0, 0.0, 1.0, (0, 0, 1_000_000)),
        (5.0, 0.0, 0.5, (10, 0, 500_000)),
        (5.1, 7.1, 0.25, (11, 15, 250_000)),
        (5.0, 5.5, 0.25, (10, 11, 250_000)),
        (5.0, 5.0, 0.25, (0, 10, 250_000)),
        (7.0, 0.5, 0.25, (0, 1, 250_000)),
        (1e9, 2e9, 1e-7, (0, 100_000, 0)),
        (1.0, 2e9, 1.5e-6, (2, 100_000, 2)),
    ],
)
def test_targets_are_taken_down_outward(first: float, second: float, share: float, taken: tuple[int, int, int]) -> None:
    """At two ticks a unit and a close of 100 ticks; one that is no farther than the second is none."""
    row = slot(FIRST_DISTANCE=3, SECOND_DISTANCE=3, SHARE_PPM=3)
    booking.decide_targets(row, 2.0, 100, first, second, share)
    assert row == slot(FIRST_DISTANCE=taken[0], SECOND_DISTANCE=taken[1], SHARE_PPM=taken[2])


@pytest.mark.parametrize(
    ("break_even", "hold_ms", "distance", "leave"),
    [
        (0.0, 0.0, 0, 0),
        (2.1, 0.4, 5, 1_000),
        (2.0, 1_500.0, 4, 2_500),
        (1e9, 1e30, 100_000, 10**15 + 1_000),
    ],
)
def test_when_an_entry_is_left_and_its_stop_moved_is_taken_down(
    break_even: float, hold_ms: float, distance: int, leave: int
) -> None:
    row = slot(BREAK_DISTANCE=3, WISH_LEAVE=3)
    booking.decide_levels(row, 2.0, 100, 1_000, break_even, hold_ms)
    assert row == slot(BREAK_DISTANCE=distance, WISH_LEAVE=leave)


@pytest.mark.parametrize(
    ("side", "fixed", "cash", "holding", "steps"),
    [
        (LONG, SPOT, -4_000, 203, 20),
        (LONG, PERPETUAL, -4_007, 210, 21),
        (SHORT, PERPETUAL, 3_993, -190, 19),
    ],
)
def test_the_first_fill_begins_a_round_trip(
    side: int, fixed: dict[str, int], cash: int, holding: int, steps: int
) -> None:
    """20 steps at 100 ticks with a fee of 7, on 10 units of dust: in base on spot, else in quote."""
    row, money = slot(**OLD, DUST=10, WISH_SIDE=side, WISH_LEAVE=9), wallet()
    booking.book_entry(money, row, terms(**fixed), 100, 20, 7, 5)
    assert money == wallet(CASH=cash)
    assert row == slot(
        HOLDING=holding,
        STEPS=steps,
        SIDE=side,
        WISH_SIDE=side,
        WISH_LEAVE=9,
        LEAVE_TIME=9,
        ENTRY_TIME=5,
        ENTRY_STEPS=20,
        ENTRY_COST=4_000,
        ENTRY_FEE=7,
    )


@pytest.mark.parametrize(("side", "stop", "even", "target"), [(LONG, 98, 106, 111), (SHORT, 108, 100, 95)])
def test_a_further_fill_sets_the_levels_from_the_average(side: int, stop: int, even: int, target: int) -> None:
    """10 steps at 100 and 20 at 104: 102 and two thirds, rounded down. A long's levels are the mirror of a short's."""
    distances = {"STOP_DISTANCE": 5, "BREAK_DISTANCE": 3, "SECOND_DISTANCE": 8}
    row, money = slot(**distances, WISH_SIDE=side), wallet()
    for ticks, steps, fee, time_ms in ((100, 10, 1, 5), (104, 20, 2, 6)):
        booking.book_entry(money, row, terms(**PERPETUAL), ticks, steps, fee, time_ms)
    assert (row[step.ENTRY_TIME], row[step.ENTRY_STEPS], row[step.ENTRY_COST], row[step.ENTRY_FEE]) == (5, 30, 6_160, 3)
    assert money == wallet(CASH=-side * 6_160 - 3)
    levels = (102 - side * 5, 102 + side * 3, 102 + side * 8)
    assert (row[step.STOP], row[step.BREAK_AT], row[step.TARGET]) == levels
    assert (row[step.HOLDING], row[step.STEPS]) == (side * 300, 30)


def test_a_level_is_at_least_a_tick_and_none_is_none() -> None:
    distances = {"STOP_DISTANCE": 200, "BREAK_DISTANCE": 200, "SECOND_DISTANCE": 200}
    for side, stop, other in ((LONG, 1, 300), (SHORT, 300, 1)):
        row = slot(**distances, WISH_SIDE=side)
        booking.book_entry(wallet(), row, terms(**PERPETUAL), 100, 1, 0, 5)
        assert (row[step.STOP], row[step.BREAK_AT], row[step.TARGET]) == (stop, other, other)
    row = slot(WISH_SIDE=LONG, STOP_DISTANCE=1, BREAK_DISTANCE=1)
    booking.book_entry(wallet(), row, terms(**SPOT), 100, 1, 0, 5)
    assert (row[step.STOP], row[step.BREAK_AT], row[step.TARGET]) == (99, 101, 0)
    row = slot(WISH_SIDE=LONG, BREAK_AT=9)
    booking.book_entry(wallet(), row, terms(**SPOT), 100, 1, 0, 5)
    assert (row[step.STOP], row[step.BREAK_AT], row[step.TARGET]) == (0, 0, 0)


# Ten steps bought at 100, a stop at 90; targets 5 and 9 away.
LADDER = {"ENTRY_STEPS": 10, "STEPS": 10, "STOP": 90, "FIRST_DISTANCE": 5, "SECOND_DISTANCE": 9, "SHARE_PPM": 400_000}


@pytest.mark.parametrize(
    ("change", "smallest", "levels"),
    [
        ({}, 0, (105, 109, 4)),
        ({"FIRST_DISTANCE": 0}, 0, (109, 0, 0)),
        ({"FIRST_DISTANCE": 1}, 0, (101, 109, 4)),
        ({"FIRST_DISTANCE": 0, "SHARE_PPM": 1_000_000}, 0, (109, 0, 0)),
        ({"FIRST_DISTANCE": 1, "SHARE_PPM": 1_000_000}, 0, (101, 0, 0)),
        ({"SECOND_DISTANCE": 1, "FIRST_DISTANCE": 0}, 0, (101, 0, 0)),
        ({"SECOND_DISTANCE": 0}, 0, (105, 0, 4)),
        ({"SHARE_PPM": 1_000_000}, 0, (105, 0, 0)),
        ({"EXIT_STEPS": 1, "STEPS": 9}, 0, (105, 109, 3)),
        ({"EXIT_STEPS": 3, "STEPS": 7}, 0, (105, 109, 1)),
        ({"EXIT_STEPS": 4, "STEPS": 6}, 0, (109, 0, 0)),
        ({"EXIT_STEPS": 6, "STEPS": 4}, 0, (109, 0, 0)),
        ({"STEPS": 5}, 0, (105, 109, 4)),
        ({"STEPS": 4}, 0, (109, 0, 0)),
        ({}, 720, (105, 109, 4)),
        ({}, 721, (109, 0, 0)),
        ({"SHARE_PPM": 600_000}, 720, (105, 109, 6)),
        ({"SHARE_PPM": 600_000}, 721, (109, 0, 0)),
        ({"STOP": 0}, 800, (105, 109, 4)),
        ({"STOP": 0}, 801, (109, 0, 0)),
        ({"STOP": 1}, 8, (105, 109, 4)),
        ({"STOP": 1}, 9, (109, 0, 0)),
    ],
)
def test_a_part_has_its_own_target_if_both_can_be_sold_at_the_stop(
    change: dict[str, int], smallest: int, levels: tuple[int, int, int]
) -> None:
    row = slot(**{**LADDER, "NEXT_TARGET": 3, "PART": 3, **change})
    booking.level_targets(row, terms(**SPOT, SMALLEST_SELL=smallest), 100, LONG)
    assert (row[step.TARGET], row[step.NEXT_TARGET], row[step.PART]) == levels


def test_a_shorts_targets_are_below_and_at_least_a_tick() -> None:
    for average, levels in ((100, (95, 91, 4)), (6, (1, 1, 4)), (4, (1, 1, 4))):
        row = slot(**LADDER, SIDE=SHORT)
        booking.level_targets(row, terms(**SPOT), average, SHORT)
        assert (row[step.TARGET], row[step.NEXT_TARGET], row[step.PART]) == levels


def test_a_part_is_closed_in_parts() -> None:
    row = slot(TARGET=105, NEXT_TARGET=109, PART=4)
    booking.close_part(row, 3)
    assert row == slot(TARGET=105, NEXT_TARGET=109, PART=1)
    booking.close_part(row, 2)
    assert row == slot(TARGET=109)


OPEN = {"STEPS": 20, "STOP": 90, "RESTING": 1, "TARGET": 109, "ENTRY_STEPS": 20, "ENTRY_COST": 4_000, "ENTRY_FEE": 7}


@pytest.mark.parametrize(
    ("side", "fixed", "holding", "dust"), [(LONG, SPOT, 203, 3), (LONG, PERPETUAL, 200, 0), (SHORT, PERPETUAL, -200, 0)]
)
def test_an_exit_is_booked_fill_by_fill_and_the_last_leaves_dust(
    side: int, fixed: dict[str, int], holding: int, dust: int
) -> None:
    """15 of 20 steps at 110, then 5 at 120, with fees of 3 and 1."""
    row, money = slot(**OPEN, HOLDING=holding, SIDE=side), wallet(CASH=1)
    assert not booking.book_exit(money, row, terms(**fixed), 110, 15, 3, 8, step.STOP_HIT)
    first = {"EXIT_STEPS": 15, "EXIT_PROCEEDS": 3_300, "EXIT_FEE": 3, "EXIT_TIME": 8, "EXIT_REASON": step.STOP_HIT}
    assert row == slot(**{**OPEN, "STEPS": 5}, HOLDING=holding - side * 150, SIDE=side, **first)
    assert money == wallet(CASH=1 + side * 3_300 - 3)
    assert booking.book_exit(money, row, terms(**fixed), 120, 5, 1, 9, step.TARGET_HIT)
    assert money == wallet(CASH=1 + side * 4_500 - 4)
    assert row == slot(
        DUST=dust,
        SIDE=side,
        ENTRY_STEPS=20,
        ENTRY_COST=4_000,
        ENTRY_FEE=7,
        EXIT_STEPS=20,
        EXIT_PROCEEDS=4_500,
        EXIT_FEE=4,
        EXIT_TIME=9,
        EXIT_REASON=step.TARGET_HIT,
    )


@pytest.mark.parametrize(
    ("side", "fixed", "profit"), [(LONG, SPOT, 496), (LONG, PERPETUAL, 489), (SHORT, PERPETUAL, -511)]
)
def test_profit_is_the_change_of_cash(side: int, fixed: dict[str, int], profit: int) -> None:
    row = slot(SIDE=side, ENTRY_COST=4_000, ENTRY_FEE=7, EXIT_PROCEEDS=4_500, EXIT_FEE=4)
    assert booking.profit(row, terms(**fixed)) == profit


@pytest.mark.parametrize(("ticks", "streak", "losses"), [(99, 5, 1), (100, 5, 0), (99, 0, 0), (99, 1, 0)])
def test_a_loss_is_counted_where_a_limit_asks_for_it(ticks: int, streak: int, losses: int) -> None:
    row, money = slot(STEPS=1, HOLDING=10, SIDE=LONG, ENTRY_COST=200), wallet()
    fixed = terms(**SPOT, LOSS_STREAK_MAX=streak, COOL_DOWN_MS=5)
    assert booking.book_exit(money, row, fixed, ticks, 1, 0, 60_001, step.STOP_HIT)
    cool = {"COOL_UNTIL": 60_005} if streak == 1 else {}
    noted = {"CLOSED_AT": 60_001, "LOST_THEN": int(ticks < 100)} if streak else {}
    assert money == wallet(CASH=2 * ticks, LOSSES=losses, **cool, **noted)
