"""A mandate's limits, word by word: what each remembers, from where on it refuses, and what is left of a size."""

from __future__ import annotations

import pytest

from tests.core.account.rows import terms, wallet
from tradepool.core.account import limit_step as words

# 1970-01-12.
DAY, MONDAY = words.DAY_MS, 11 * words.DAY_MS
SHARES = (
    (words.DAY_EQUITY, words.DAILY_LOSS_PPM, words.DAILY_LOSS),
    (words.WEEK_EQUITY, words.WEEKLY_LOSS_PPM, words.WEEKLY_LOSS),
    (words.PEAK_EQUITY, words.DRAWDOWN_MAX_PPM, words.DRAWDOWN),
)


def test_a_day_and_a_week_begin_at_midnight_and_on_monday() -> None:
    row = wallet()
    for time_ms, equity, day, week in (
        (MONDAY - 1, 5, 5, 5),
        (MONDAY, 7, 7, 7),
        (MONDAY + DAY - 1, 8, 7, 7),
        (MONDAY + DAY, 9, 9, 7),
        (MONDAY + 7 * DAY - 1, 3, 3, 7),
        (MONDAY + 7 * DAY, 4, 4, 4),
    ):
        words.note_equity(row, terms(), equity, time_ms)
        assert (row[words.DAY_EQUITY], row[words.WEEK_EQUITY], row[words.PEAK_EQUITY]) == (day, week, 0), time_ms
    assert (row[words.DAY], row[words.WEEK]) == (18, 3)


def test_the_highest_equity_is_noted_where_a_limit_asks_for_it() -> None:
    row = wallet()
    for equity, highest in ((5, 5), (3, 5), (5, 5), (6, 6)):
        words.note_equity(row, terms(DRAWDOWN_MAX_PPM=1), equity, 0)
        assert row[words.PEAK_EQUITY] == highest


def test_equity_is_to_be_noted_at_a_new_day_or_for_its_peak() -> None:
    for drawdown, time_ms, noted in ((0, DAY - 1, False), (0, DAY, True), (1, DAY - 1, True), (1, DAY, True)):
        assert words.to_be_noted(wallet(DAY=0), terms(DRAWDOWN_MAX_PPM=drawdown), time_ms) is noted


def test_a_streak_of_losses_cools_down_from_the_minute_of_its_last() -> None:
    row, limits = wallet(), terms(LOSS_STREAK_MAX=2, COOL_DOWN_MS=5_000)
    for gained, time_ms, losses, until in (
        (-1, 1, 1, 0),
        (0, 2, 0, 0),
        (-1, 3, 1, 0),
        (1, 4, 0, 0),
        (-1, 5, 1, 0),
        (-1, 119_999, 0, 65_000),
        (-1, 120_000, 1, 65_000),
        (-9, 120_000, 0, 125_000),
    ):
        words.note_result(row, limits, gained, time_ms)
        assert (row[words.LOSSES], row[words.COOL_UNTIL]) == (losses, until)


@pytest.mark.parametrize(("streak", "now", "cools"), [(1, 9, True), (1, 10, False), (0, 9, False)])
def test_entries_cool_down_until_a_time(streak: int, now: int, cools: bool) -> None:
    row, limits = wallet(NOW=now, COOL_UNTIL=10), terms(LOSS_STREAK_MAX=streak)
    assert words.cooling(row, limits) is cools
    assert words.refused_by_limit(row, limits, 0) == (words.LOSS_STREAK if cools else 0)


def test_losses_are_asked_before_a_streak_of_them_and_all_else_after() -> None:
    before = [words.DAILY_LOSS, words.WEEKLY_LOSS, words.DRAWDOWN]
    assert [refusal for refusal in range(words.TRADE_RISK + 1) if words.asked_before_cooling(refusal)] == before


def test_what_other_markets_hold_is_counted_without_its_sign() -> None:
    row = wallet(OTHER_POSITIONS=7, OTHER_EXPOSURE=7)
    words.nobody_else(row)
    assert (row[words.OTHER_POSITIONS], row[words.OTHER_EXPOSURE]) == (0, 0)
    for amount, positions, exposure in ((1, 1, 1), (0, 1, 1), (-5, 2, 6), (4, 3, 10)):
        words.note_other(row, amount)
        assert (row[words.OTHER_POSITIONS], row[words.OTHER_EXPOSURE]) == (positions, exposure)


@pytest.mark.parametrize(
    ("before", "equity", "ppm", "reached"),
    [
        (1_000, 900, 100_000, True),
        (1_000, 901, 100_000, False),
        (10**6, 10**6 - 1, 1, True),
        (10**6, 10**6, 1, False),
        (1_000, 0, 0, False),
        (0, 0, 1, True),
        (-5, -5, 10**6, True),
        (-5, -4, 10**6, False),
    ],
)
def test_a_fall_is_reached_at_its_share(before: int, equity: int, ppm: int, reached: bool) -> None:
    assert words.fell(before, equity, ppm) is reached


@pytest.mark.parametrize(("at", "share", "refusal"), SHARES)
def test_each_fall_is_from_its_own_equity(at: int, share: int, refusal: int) -> None:
    row, limits = wallet(), terms()
    row[at], limits[share] = 1_000, 200_000
    assert words.refused_by_limit(row, limits, 801) == 0
    assert words.refused_by_limit(row, limits, 800) == refusal


@pytest.mark.parametrize(("most", "others", "refused"), [(1, 0, False), (1, 1, True), (2, 1, False), (0, 9, False)])
def test_a_position_more_than_there_may_be_is_refused(most: int, others: int, refused: bool) -> None:
    found = words.refused_by_limit(wallet(OTHER_POSITIONS=others), terms(POSITIONS_MAX=most), 0)
    assert found == (words.TOO_MANY_POSITIONS if refused else 0)


@pytest.mark.parametrize(
    ("limit", "room"), [(words.ORDER_NOTIONAL, 11), (words.MARKET_NOTIONAL, 12), (words.EXPOSURE, 8)]
)
def test_there_is_room_up_to_each_limit(limit: int, room: int) -> None:
    limits = terms(ORDER_NOTIONAL_MAX=11, MARKET_NOTIONAL_MAX=12, EXPOSURE_MAX=13)
    assert words.room(wallet(OTHER_EXPOSURE=5), limits, 0, 100, 0, limit) == room
    assert words.room(wallet(OTHER_EXPOSURE=14), limits, 0, 100, 0, words.EXPOSURE) == 0


@pytest.mark.parametrize(
    ("equity", "close", "distance", "room"),
    [
        (10_000, 1_000, 100, 1_000),
        (10_000, 1_000, 999, 100),
        (10_000, 1_000, 1_000, 100),
        (10_000, 1_000, 0, 100),
        (10_000, 1_000, 1, 100_000),
        (10_000, 5_000, 1, 100_000),
        (10_000, 5_001, 1, 83_350),
        (10_000, 3, 2, 150),
        (-10_000, 1_000, 100, 0),
    ],
)
def test_what_is_at_risk_is_lost_up_to_the_stop(equity: int, close: int, distance: int, room: int) -> None:
    """One per cent of the equity; a stop nearer than a thousandth counts as that, none at all as all of it."""
    assert words.room(wallet(), terms(TRADE_RISK_PPM=10_000), equity, close, distance, words.TRADE_RISK) == room


def test_the_narrowest_limit_cuts_and_one_that_only_touches_does_not() -> None:
    """A target of 100 at a price of 1,000 with a stop 100 away: the risk's room is ten times its share of the equity."""
    names = ("ORDER_NOTIONAL_MAX", "MARKET_NOTIONAL_MAX", "EXPOSURE_MAX", "TRADE_RISK_PPM")
    refusals = (words.ORDER_NOTIONAL, words.MARKET_NOTIONAL, words.EXPOSURE, words.TRADE_RISK)

    def narrowest(*most: int) -> int:
        limits = terms(**dict(zip(names, most, strict=True)))
        return words.narrowest(wallet(OTHER_EXPOSURE=5), limits, 1_000_000, 1_000, 100, 100)

    assert narrowest(0, 0, 0, 0) == 0
    assert narrowest(100, 100, 105, 10) == 0
    for at, (most, least) in enumerate(((99, 1), (99, 1), (104, 1), (9, 1))):
        for value in (most, least):
            alone = [0, 0, 0, 0]
            alone[at] = value
            assert narrowest(*alone) == refusals[at]
    # Each is asked what the ones before it have left.
    assert narrowest(50, 49, 53, 4) == words.TRADE_RISK
    assert narrowest(50, 49, 53, 5) == words.EXPOSURE
    assert narrowest(50, 49, 54, 5) == words.MARKET_NOTIONAL
    assert narrowest(50, 50, 55, 5) == words.ORDER_NOTIONAL


def test_money_that_moves_is_no_gain_and_a_person_measures_from_here() -> None:
    row = wallet(DAY_EQUITY=10, WEEK_EQUITY=20, PEAK_EQUITY=30, LOSSES=2, COOL_UNTIL=9)
    words.money_moved(row, -5)
    assert row == wallet(DAY_EQUITY=5, WEEK_EQUITY=15, PEAK_EQUITY=25, LOSSES=2, COOL_UNTIL=9)
    words.person_resumed(row, 17)
    assert row == wallet(DAY_EQUITY=5, WEEK_EQUITY=15, PEAK_EQUITY=17)
    for number in (0, 1):
        row = wallet(DAY_EQUITY=number, WEEK_EQUITY=number, PEAK_EQUITY=number)
        words.money_moved(row, 4)
        assert row == wallet(DAY_EQUITY=5 * number, WEEK_EQUITY=5 * number, PEAK_EQUITY=5 * number)
