"""The edges of the limits above one mandate: several accounts, quotes and scopes, where a lost term would go unnoticed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.core.risk.test_live_limits import BTC, ETH, NOW_MS, desk, entry, limit, standing, word
from tradepool.core.account import account_step as step
from tradepool.core.account import limit_step
from tradepool.core.risk.live_limits import LiveLimits
from tradepool.core.risk.standing import DAY_MS, Broken, Denied, Standing, day_and_week, quote_of, symbol_of
from tradepool.domain.denial import Denial
from tradepool.domain.ids import AccountId, MarketId, UserId
from tradepool.domain.limit import Action, Limit, Trip

D = Decimal
ETH_IN_BTC = MarketId("v:ETH/BTC")


def in_bitcoin(name: str, cash: str, held: str) -> Standing:
    """An account that holds so many ETH and counts in BTC, of which it began the day with 100."""
    plain = standing(name, {ETH_IN_BTC: held}, cash)
    return replace(plain, quote="BTC", capital=D(100), day_equity=D(100), week_equity=D(100), peak_equity=D(100))


def figures(limits: LiveLimits, *asked: Limit) -> list[int | Decimal | None]:
    return [limits.figure(each, NOW_MS) for each in asked]


def test_without_limits_everything_may_go_and_nothing_is_looked_at() -> None:
    limits, cluster = LiveLimits(), limit("cluster.pair.positions_max", "1")
    assert limits.figure(cluster, NOW_MS) == 0
    limits.stands(standing("a"))
    assert limits.look(NOW_MS) == []
    assert limits.ask(entry("a"), NOW_MS) is None
    assert limits.higher() == {}
    assert limits.figure(cluster, NOW_MS) == 0


def test_a_figure_is_the_sum_over_accounts_and_goes_when_they_go() -> None:
    exposure, positions = limit("platform.exposure_max", "900"), limit("platform.positions_max", "5")
    limits = desk(exposure, positions)
    limits.stands(standing("a", {BTC: "1"}))
    limits.stands(standing("b", {BTC: "2", ETH: "1"}))
    assert figures(limits, exposure, positions) == [310, 3]
    limits.admit(entry("a", quantity="2"), NOW_MS)
    limits.admit(entry("b", quantity="4"), NOW_MS)
    limits.admit(entry("a", ETH, quantity="1"), NOW_MS)
    # What is held is the beginning of what was ordered: the larger of both counts.
    assert figures(limits, exposure, positions) == [620, 4]
    limits.stands(standing("b"))
    assert figures(limits, exposure, positions) == [210, 2]


def test_a_denial_tells_the_limit_its_figure_and_nobody_unless_it_is_a_clusters() -> None:
    positions = limit("platform.positions_max", "1")
    limits = desk(positions)
    limits.stands(standing("a", {BTC: "1"}))
    assert limits.ask(entry("a"), NOW_MS) is None
    assert limits.ask(entry("a", ETH), NOW_MS) == Denied(Denial.SCOPE_POSITIONS, Broken(positions, D(2), ""))
    assert Broken(positions, D(2)).note == "platform.positions_max: 2 of 1"


def test_a_price_that_was_never_heard_is_the_mark_and_no_later_one() -> None:
    exposure = limit("platform.exposure_max", "900")
    limits = LiveLimits()
    limits.use([exposure], {})
    limits.stands(standing("a", {BTC: "1"}))
    assert limits.figure(exposure, NOW_MS) == 100
    limits.candle(BTC, 110.0, NOW_MS, 1.0)
    limits.stands(standing("a", {BTC: "1"}))
    assert limits.figure(exposure, NOW_MS) == 110


def test_exposure_is_asked_in_the_quote_of_the_entry() -> None:
    exposure = limit("platform.exposure_max", "150")
    limits = desk(exposure)
    limits.candle(ETH_IN_BTC, 0.1, NOW_MS, 1.0)
    limits.stands(in_bitcoin("c", "100", "2000"))
    limits.stands(standing("a", {BTC: "1"}))
    assert limits.figure(exposure, NOW_MS, entry("a", quantity="0.4")) == 140
    assert limits.figure(exposure, NOW_MS, entry("c", ETH_IN_BTC, quantity="1")) == D("200.1")
    assert limits.figure(exposure, NOW_MS) == 300


def test_a_fall_is_that_of_the_quote_which_fell_most_its_positions_included() -> None:
    daily = limit("platform.daily_loss_max", "0.3")
    limits = desk(daily, names="")
    limits.candle(ETH_IN_BTC, 0.5, NOW_MS, 1.0)
    limits.stands(standing("a", {BTC: "20"}, cash="7000"))
    limits.stands(in_bitcoin("c", "50", "60"))
    assert limits.figure(daily, NOW_MS) == D("0.2")
    limits.candle(BTC, 25.0, NOW_MS + 1, 1.0)
    assert limits.figure(daily, NOW_MS) == D("0.25")


@pytest.mark.parametrize(("before", "now", "share"), [("0", "-1", "0"), ("1", "0.5", "0.5"), ("4", "5", "0")])
def test_nothing_falls_from_nothing_and_a_little_falls_from_a_little(before: str, now: str, share: str) -> None:
    daily = limit("user.a.daily_loss_max", "1")
    limits = desk(daily, names="")
    limits.stands(replace(standing("a", cash=now), day_equity=D(before)))
    assert limits.figure(daily, NOW_MS) == D(share)


@pytest.mark.parametrize(("scope", "users"), [("platform", "abcd"), ("user.a", "aaaa")])
@pytest.mark.parametrize("kind", ["daily_loss_max", "weekly_loss_max"])
def test_who_has_not_heard_of_a_new_day_loses_nothing_of_the_one_before(scope: str, users: str, kind: str) -> None:
    """Day 11 is a Monday. All lost 6 % before; the first one alone has heard, and wants to enter."""
    loss, now_ms = limit(f"{scope}.{kind}", "0.05"), NOW_MS + DAY_MS
    limits = desk(loss, names="")
    crowd = [
        replace(standing(name, {BTC: "10"}, "8400"), user=UserId(u)) for name, u in zip("abcd", users, strict=True)
    ]
    for each in crowd:
        limits.stands(each)
    assert limits.figure(loss, now_ms - 1) == D("0.06")
    limits.stands(replace(crowd[0], day=11, week=2, day_equity=D(9_400), week_equity=D(9_400)))
    assert limits.figure(loss, now_ms) == 0
    assert limits.ask(entry("a"), now_ms) is None
    assert limits.look(now_ms) == []
    # From there on it counts for everybody, be one stopped and never hear of it.
    limits.candle(BTC, 50.0, now_ms, 1.0)
    assert limits.figure(loss, now_ms) == D(500) / 9_400


@pytest.mark.parametrize("kind", ["daily_loss_max", "weekly_loss_max"])
def test_who_is_stopped_hides_no_loss_of_others_by_what_he_gained_before(kind: str) -> None:
    loss = limit(f"platform.{kind}", "0.05")
    limits = desk(loss, names="")
    limits.stands(standing("a", cash="20000"))
    limits.stands(replace(standing("b", cash="9000"), day=11, week=2))
    assert limits.figure(loss, NOW_MS + DAY_MS) == D(1_000) / 30_000
    # What he loses on it counts, though his own account does not know that it has begun.
    limits.stands(standing("a", cash="12000"))
    limits.stands(standing("a", cash="11000"))
    assert limits.figure(loss, NOW_MS + DAY_MS) == D(10_000) / 30_000


def test_a_day_begins_for_everybody_in_the_middle_of_a_week() -> None:
    daily, weekly = limit("platform.daily_loss_max", "1"), limit("platform.weekly_loss_max", "1")
    limits, now_ms = desk(names=""), NOW_MS + 2 * DAY_MS
    for name in "ab":
        limits.stands(replace(standing(name, cash="9000"), day=11, week=2))
    assert [limits.figure(each, now_ms - 1) for each in (daily, weekly)] == [D("0.1"), D("0.1")]
    assert [limits.figure(each, now_ms) for each in (daily, weekly)] == [0, D("0.1")]


def test_a_day_and_a_week_are_those_that_the_account_step_notes() -> None:
    wallet, terms = [0] * step.WALLET_SIZE, [0] * 64
    for hours in (1, 24, 95, 96, 97, 263, 264, 500_000):
        limit_step.note_equity(wallet, terms, 1, hours * 3_600_000)
        assert day_and_week(hours * 3_600_000) == (wallet[limit_step.DAY], wallet[limit_step.WEEK])


def test_a_mandates_fall_is_from_its_own_peak() -> None:
    fall = limit("mandate.a-first.drawdown_max", "0.5")
    limits = desk(fall, names="")
    assert limits.figure(fall, NOW_MS) is None
    limits.stands(replace(standing("a", {BTC: "10"}, cash="8000"), peak_equity=D(12_000)))
    assert limits.figure(fall, NOW_MS) == D("0.25")
    assert limits.figure(limit("user.a.drawdown_max", "0.5"), NOW_MS) == 0


def test_what_an_account_had_gained_holds_its_positions() -> None:
    """The peak of a scope is cash and worth less capital; of others' scopes nothing is measured anew."""
    fall = limit("user.a.drawdown_max", "0.5")
    limits = desk(fall, limit("user.nobody.drawdown_max", "0.5"), names="")
    limits.stands(standing("b"))
    limits.stands(standing("a", {BTC: "20", ETH: "10"}, cash="9000"))
    assert limits.higher() == {(fall.key, "a"): D(1_100)}
    limits.stands(standing("a", {BTC: "20", ETH: "10"}, cash="3450"))
    assert limits.figure(fall, NOW_MS) == D("0.5")
    limits.measure_from_now(fall.scope, fall.name)
    assert limits.figure(fall, NOW_MS) == 0
    assert limits.higher() == {(fall.key, "a"): D(-4_450)}
    assert limits.look(NOW_MS) == []


def test_a_new_high_in_one_quote_leaves_the_fall_of_another() -> None:
    fall = limit("platform.drawdown_max", "0.5")
    limits = desk(fall, names="")
    limits.candle(ETH_IN_BTC, 0.1, NOW_MS, 1.0)
    limits.stands(standing("a"))
    limits.stands(in_bitcoin("c", "100", "0"))
    limits.stands(standing("a", cash="8000"))
    limits.stands(in_bitcoin("c", "101", "0"))
    assert limits.higher() == {(fall.key, "a"): 0, (fall.key, "c"): 1}
    assert limits.figure(fall, NOW_MS) == D("0.2")
    # A person lets everybody trade on.
    limits.measure_from_now(fall.scope, fall.name)
    assert limits.figure(fall, NOW_MS) == 0


def test_what_is_looked_at_tells_its_figure() -> None:
    acting = limit("platform.weekly_loss_max", "0.1", Action.REDUCE_ONLY)
    limits = desk(acting, names="a")
    limits.stands(standing("a", cash="9000"))
    assert limits.look(NOW_MS) == [Broken(acting, D("0.1"))]


@pytest.mark.parametrize(
    ("scope", "held", "free"),
    [
        ("platform", ("a", BTC), None),
        ("user.a", ("a", ETH), ("b", BTC)),
        ("strategy.churn", ("b", ETH), None),
        ("strategy.other", ("c", BTC), ("a", BTC)),
        ("mandate.a-first", ("a", BTC), ("b", BTC)),
        ("market.BTC/USDT", ("b", BTC), ("a", ETH)),
        ("cluster.alone", ("a", ETH), ("a", BTC)),
        ("cluster.nowhere", None, ("a", ETH)),
    ],
)
def test_a_reached_limit_holds_back_whom_it_is_about(
    scope: str, held: tuple[str, MarketId] | None, free: tuple[str, MarketId] | None
) -> None:
    limits = desk()
    limits.use([], {"alone": frozenset((ETH,))})
    limits.stands(replace(standing("c"), strategy="other"))
    kind = "daily_loss_max" if scope.startswith("mandate") else "exposure_max"
    trip = Trip(
        key=f"{scope}.{kind}", user="", action=Action.FLATTEN, since_ms=0, until_ms=NOW_MS + 1, note="it was reached"
    )
    limits.trips = {(trip.key, ""): trip}
    if held is not None:
        assert limits.ask(entry(*held), NOW_MS) == Denied(Denial.REDUCE_ONLY)
    if free is not None:
        assert limits.ask(entry(*free), NOW_MS) is None


def test_what_one_entry_is_worth_and_how_far_it_is_from_the_close() -> None:
    worth, band = limit("platform.order_notional_max", "1000"), limit("platform.price_band_max", "0.1")
    limits = desk(worth, band)
    assert limits.ask(entry("a", quantity="10"), NOW_MS) is None
    assert word(limits.ask(entry("a", quantity="10.01"), NOW_MS)) == Denial.SCOPE_NOTIONAL
    assert limits.figure(worth, NOW_MS) is None
    assert limits.figure(band, NOW_MS, entry("a")) is None
    assert limits.figure(band, NOW_MS, replace(entry("a"), price=D(120))) == D("0.2")
    assert limits.figure(worth, NOW_MS, replace(entry("a"), price=D(120))) == 1_200
    limits.candle(BTC, 75.0, NOW_MS + 1, 0.0)
    assert limits.figure(band, NOW_MS, entry("a")) == D("0.25")
    assert limits.figure(band, NOW_MS, replace(entry("a"), price=D(120))) == D("0.6")


def test_the_share_of_a_volume_is_of_the_mean_and_of_none_there_is_none() -> None:
    share = limit("market.BTC/USDT.volume_share_max", "0.5")
    limits = desk(share)
    assert limits.figure(share, NOW_MS, entry("a", quantity="20")) == D("0.02")
    limits.candle(BTC, 100.0, NOW_MS + 1, 200.0)
    assert limits.figure(share, NOW_MS, entry("a", quantity="30")) == D("0.05")
    limits.candle(MarketId("v:NEW/USDT"), 1.0, NOW_MS, 0.0)
    assert limits.figure(share, NOW_MS, entry("a", MarketId("v:NEW/USDT"))) is None


def test_the_age_of_what_was_heard_is_that_of_the_oldest_and_what_never_was_is_too_old() -> None:
    price, bitcoin = limit("platform.price_age_max_s", "60"), limit("market.BTC/USDT.price_age_max_s", "60")
    balance, own = limit("platform.balance_age_max_s", "60"), limit("user.b.balance_age_max_s", "60")
    limits = desk(price, balance)
    limits.candle(ETH, 10.0, NOW_MS + 3_000, 1.0)
    assert limits.figure(price, NOW_MS + 4_000) == 4
    assert limits.figure(bitcoin, NOW_MS + 4_000) == 4
    assert limits.figure(limit("market.ETH/USDT.price_age_max_s", "60"), NOW_MS + 4_000) == 1
    assert limits.figure(limit("market.NEW/USDT.price_age_max_s", "60"), NOW_MS) is None
    assert limits.figure(price, NOW_MS, entry("a", MarketId("v:NEW/USDT"))) == D("Infinity")
    assert figures(limits, balance, own) == [None, None]
    limits.balances(AccountId("a"), NOW_MS)
    limits.balances(AccountId("b"), NOW_MS + 2_000)
    assert limits.figure(balance, NOW_MS + 5_000) == 5
    assert limits.figure(own, NOW_MS + 5_000) == 3
    # A venue's clock may be ahead.
    assert limits.figure(own, NOW_MS) == 0
    assert limits.figure(limit("platform.volume_share_max", "0.5"), NOW_MS) is None


def test_a_market_is_read_from_its_first_colon() -> None:
    perpetual = MarketId("v:BTC/USDT:USDT")
    assert (symbol_of(perpetual), quote_of(BTC)) == ("BTC/USDT:USDT", "USDT")
    assert DAY_MS == 86_400_000
