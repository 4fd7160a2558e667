"""Limits above one mandate, asked in the order a person would: who stands where, what room is left, what counts when."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from tradepool.core.risk.live_limits import Key, LiveLimits
from tradepool.core.risk.standing import DAY_MS, Denied, Standing, day_and_week
from tradepool.core.risk.tally import Tally
from tradepool.domain.denial import Denial
from tradepool.domain.ids import AccountId, ClientOrderId, MandateId, MarketId, StrategyId, UserId
from tradepool.domain.limit import Action, Limit, LimitScope, Trip, read_key
from tradepool.domain.order import OrderRequest, OrderType, Purpose, Side

D = Decimal
BTC, ETH = MarketId("v:BTC/USDT"), MarketId("v:ETH/USDT")
NOW_MS = 10 * DAY_MS


def limit(key: str, value: str, action: Action = Action.REFUSE) -> Limit:
    scope, name, word = read_key(key)
    return Limit(scope=scope, name=name, word=word, value=D(value), action=action)


def standing(name: str, held: Mapping[MarketId, str] | None = None, cash: str = "10000") -> Standing:
    """An account that started the day and the week with 10,000."""
    return Standing(
        account=AccountId(name),
        user=UserId(name),
        mandate=MandateId(f"{name}-first"),
        strategy="churn",
        quote="USDT",
        capital=D(10_000),
        cash=D(cash),
        day=10,
        week=1,
        day_equity=D(10_000),
        week_equity=D(10_000),
        peak_equity=D(10_000),
        losses=0,
        cool_until_ms=0,
        held={market: D(quantity) for market, quantity in (held or {}).items()},
        marks={BTC: D(100), ETH: D(10)},
        working=frozenset(),
    )


def entry(name: str, market: MarketId = BTC, quantity: str = "10", number: int = 1) -> OrderRequest:
    return OrderRequest(
        client_order_id=ClientOrderId(f"{name}{market}{number}"),
        account=AccountId(name),
        mandate=MandateId(f"{name}-first"),
        strategy_id=StrategyId("s"),
        market=market,
        side=Side.BUY,
        type=OrderType.MARKET,
        quantity=D(quantity),
        purpose=Purpose.ENTRY,
        time_ms=NOW_MS,
    )


def desk(*limits: Limit, names: str = "ab") -> LiveLimits:
    """Accounts without positions under these limits; a bitcoin costs 100, an ether 10."""
    found = LiveLimits()
    found.use(limits, {"pair": frozenset((BTC, ETH))})
    for market, close in ((BTC, 100.0), (ETH, 10.0)):
        found.candle(market, close, NOW_MS, 1_000.0)
    for name in names:
        found.stands(standing(name))
    return found


def word(denied: Denied | None) -> str:
    return "" if denied is None else denied.denial


@pytest.mark.parametrize(
    ("key", "value", "free", "taken"),
    [
        ("platform.exposure_max", "1500", "a", "b"),
        ("market.BTC/USDT.exposure_max", "1500", "a", "b"),
        ("strategy.churn.positions_max", "1", "a", "b"),
        ("platform.orders_per_minute_max", "1", "a", "b"),
    ],
)
def test_what_is_let_through_counts_at_once(key: str, value: str, free: str, taken: str) -> None:
    """Two accounts want it at one T: the first is let through, and again if it is asked again; the second is not."""
    limits = desk(limit(key, value))
    assert limits.ask(entry(free), NOW_MS) is None
    assert limits.ask(entry(taken), NOW_MS) is None
    limits.admit(entry(free), NOW_MS)
    limits.admit(entry(free), NOW_MS)
    assert limits.ask(entry(free), NOW_MS) is None
    assert word(limits.ask(entry(taken), NOW_MS)) == limit(key, value).denial


def test_an_entry_counts_on_a_market_that_nothing_was_heard_of() -> None:
    limits = desk()
    limits.admit(entry("a", MarketId("v:NEW/USDT")), NOW_MS)
    assert limits.figure(limit("platform.positions_max", "1"), NOW_MS) == 1


def test_an_entry_that_came_to_nothing_counts_no_more_and_a_filled_one_is_held() -> None:
    limits = desk(limit("platform.positions_max", "1"), limit("user.a.exposure_max", "1000"))
    limits.admit(entry("a"), NOW_MS)
    limits.stands(standing("a"))
    assert limits.ask(entry("b"), NOW_MS) is None
    limits.stands(standing("a", {BTC: "9.99"}))
    assert word(limits.ask(entry("b"), NOW_MS)) == Denial.SCOPE_POSITIONS
    assert word(limits.ask(entry("a", ETH), NOW_MS)) == Denial.SCOPE_POSITIONS
    limits.use([limit("user.a.exposure_max", "1000")], {})
    assert word(limits.ask(entry("a", ETH, "0.2"), NOW_MS)) == Denial.SCOPE_EXPOSURE
    assert limits.ask(entry("a", ETH, "0.1"), NOW_MS) is None
    assert limits.figure(limit("user.a.exposure_max", "1000"), NOW_MS) == D("999")


def test_a_cluster_is_each_users_own() -> None:
    limits = desk(limit("cluster.pair.positions_max", "1"))
    limits.stands(standing("a", {BTC: "1"}))
    denied = limits.ask(entry("a", ETH), NOW_MS)
    assert denied is not None
    assert denied.broken is not None
    assert (denied.denial, denied.broken.user) == (Denial.CLUSTER, "a")
    assert limits.ask(entry("b", ETH), NOW_MS) is None
    limits.use([limit("cluster.pair.positions_max", "1")], {"pair": frozenset((BTC,))})
    assert limits.ask(entry("a", ETH), NOW_MS) is None
    assert limits.figure(limit("cluster.pair.positions_max", "1"), NOW_MS) == 1


def test_losses_are_measured_from_where_the_day_the_week_and_the_peak_were() -> None:
    limits = desk(limit("user.a.daily_loss_max", "0.1"))
    for cash, reached in (("9000.01", ""), ("9000", Denial.SCOPE_DAILY_LOSS)):
        limits.stands(standing("a", cash=cash))
        assert word(limits.ask(entry("a"), NOW_MS)) == reached
    assert limits.ask(entry("b"), NOW_MS) is None
    weekly = limit("platform.weekly_loss_max", "0.1")
    limits.use([weekly], {})
    assert limits.figure(weekly, NOW_MS) == D("0.05")
    fall = limit("platform.drawdown_max", "0.2")
    limits.use([fall], {})
    limits.stands(standing("a", cash="11000"))
    assert limits.higher() == {(fall.key, "a"): D(1_000), (fall.key, "b"): D(0)}
    assert limits.higher() == {}
    limits.stands(standing("a", cash="6800"))
    assert limits.figure(fall, NOW_MS) == D("0.2")
    assert word(limits.ask(entry("b"), NOW_MS)) == Denial.SCOPE_DRAWDOWN
    limits.measure_from_now(fall.scope, fall.name)
    assert limits.figure(fall, NOW_MS) == 0


def test_who_is_not_up_is_no_loss_and_neither_is_capital_that_is_taken() -> None:
    """After a restart accounts come one by one, some not at all; a fall is measured among those that are there."""
    fall = limit("platform.drawdown_max", "0.2")
    limits = desk(fall, names="")
    limits.peaks = {(fall.key, "a"): D(2_000), (fall.key, "b"): D(1_000)}
    limits.stands(standing("a", cash="11000"))
    assert limits.higher() == {}
    assert limits.figure(fall, NOW_MS) == D(1_000) / 12_000
    limits.stands(replace(standing("a", cash="6000"), capital=D(5_000)))
    assert limits.figure(fall, NOW_MS) == D(1_000) / 7_000
    limits.stands(standing("new", cash="10000"))
    assert limits.figure(fall, NOW_MS) == D(1_000) / 17_000


def test_a_limit_on_losses_is_looked_at_whatever_it_does_and_only_once() -> None:
    acting, refusing = limit("user.a.daily_loss_max", "0.1", Action.FLATTEN), limit("user.b.daily_loss_max", "0.1")
    own = limit("mandate.a-first.loss_streak_max", "3", Action.HALT)
    limits = desk(acting, refusing, own)
    for name in "ab":
        limits.stands(replace(standing(name, cash="8000"), cool_until_ms=NOW_MS + 1))
    assert {broken.limit for broken in limits.look(NOW_MS)} == {acting, refusing, own}
    trip = Trip(key=acting.key, user="", action=Action.FLATTEN, since_ms=NOW_MS, until_ms=NOW_MS + 5, note="")
    limits.trips = {(acting.key, ""): trip}
    assert [broken.limit for broken in limits.look(NOW_MS + 1)] == [refusing]
    assert limits.look(NOW_MS + 5)[0].limit == acting


def test_what_was_reached_holds_entries_back_until_it_ends() -> None:
    limits = desk(limit("user.a.exposure_max", "1000", Action.REDUCE_ONLY))
    trip = Trip(key="user.a.exposure_max", user="", action=Action.REDUCE_ONLY, since_ms=1, until_ms=NOW_MS + 1, note="")
    limits.trips = {("user.a.exposure_max", ""): trip}
    assert limits.ask(entry("a", quantity="1"), NOW_MS) == Denied(Denial.REDUCE_ONLY)
    assert limits.ask(entry("b", quantity="1"), NOW_MS) is None
    assert limits.ask(entry("a", quantity="1"), NOW_MS + 1) is None


def test_prices_balances_and_volumes_are_fresh_and_sane() -> None:
    age, balance = limit("platform.price_age_max_s", "5"), limit("user.a.balance_age_max_s", "5")
    limits = desk(age)
    assert limits.ask(entry("a"), NOW_MS + 5_000) is None
    assert word(limits.ask(entry("a"), NOW_MS + 5_001)) == Denial.STALE_PRICE
    limits.use([balance], {})
    assert word(limits.ask(entry("a"), NOW_MS)) == Denial.STALE_BALANCE
    limits.balances(AccountId("a"), NOW_MS)
    assert limits.ask(entry("a"), NOW_MS + 5_000) is None
    assert limits.figure(balance, NOW_MS + 2_000) == 2
    limits.use([limit("market.BTC/USDT.price_band_max", "0.1")], {})
    assert limits.ask(entry("a"), NOW_MS) is None
    limits.candle(BTC, 111.0, NOW_MS + 1, 3_000.0)
    assert word(limits.ask(entry("a"), NOW_MS)) == Denial.PRICE_BAND
    assert limits.ask(entry("a", ETH), NOW_MS) is None
    limits.use([limit("platform.volume_share_max", "0.01")], {})
    assert limits.ask(entry("a", quantity="20"), NOW_MS) is None
    assert word(limits.ask(entry("a", quantity="20.1"), NOW_MS)) == Denial.VOLUME_SHARE


def test_what_goes_out_on_one_candle_shares_what_the_market_can_take() -> None:
    """Whoever's it is: who comes too late is refused, a smaller order may still fit in, and the next candle begins anew."""
    limits = desk(limit("platform.volume_share_max", "0.01"), names="abcd")
    first, second = entry("a", quantity="6"), entry("b", quantity="6")
    assert limits.ask(first, NOW_MS) is None
    limits.admit(first, NOW_MS)
    # Asked again on its way, and let go again, it counts once.
    assert limits.ask(first, NOW_MS) is None
    limits.admit(first, NOW_MS)
    denied = limits.ask(second, NOW_MS)
    assert denied is not None
    assert denied.broken is not None
    assert (denied.denial, denied.broken.figure) == (Denial.VOLUME_SHARE, D("0.012"))
    fits = entry("c", quantity="4")
    assert limits.ask(fits, NOW_MS) is None
    limits.admit(fits, NOW_MS)
    assert limits.ask(entry("a", quantity="1", number=2), NOW_MS) is not None
    # Of this market alone, and filled as well as on its way.
    assert limits.ask(entry("b", ETH, "10"), NOW_MS) is None
    limits.stands(standing("a", {BTC: "6"}))
    assert word(limits.ask(entry("d", quantity="0.1"), NOW_MS)) == Denial.VOLUME_SHARE
    limits.candle(BTC, 100.0, NOW_MS + 60_000, 1_000.0)
    assert limits.ask(second, NOW_MS + 60_000) is None
    # Two accounts may call their orders the same: each counts.
    limits.admit(second, NOW_MS)
    twin = replace(entry("d", quantity="6"), client_order_id=second.client_order_id)
    assert word(limits.ask(twin, NOW_MS)) == Denial.VOLUME_SHARE


def test_what_took_of_a_candle_before_a_restart_counts_until_the_next_one() -> None:
    """Whichever is told first, the candle or what went out on it; what went out before the candle counts no more."""
    for candle_first in (True, False):
        limits = desk(limit("platform.volume_share_max", "0.01"), names="ab")
        before = replace(entry("a", quantity="6"), time_ms=NOW_MS + 60_000)
        older = replace(entry("a", quantity="9", number=2), time_ms=NOW_MS + 59_999)
        if candle_first:
            limits.candle(BTC, 100.0, NOW_MS + 60_000, 1_000.0)
        for each in (older, before, before):
            limits.took_before(each)
        if not candle_first:
            limits.candle(BTC, 100.0, NOW_MS + 60_000, 1_000.0)
        assert word(limits.ask(entry("b", quantity="5"), NOW_MS + 60_000)) == Denial.VOLUME_SHARE
        assert limits.ask(entry("b", quantity="4"), NOW_MS + 60_000) is None
        limits.candle(BTC, 100.0, NOW_MS + 120_000, 1_000.0)
        assert limits.ask(entry("b", quantity="5"), NOW_MS + 120_000) is None


def test_what_took_of_a_market_that_nothing_was_heard_of_counts_on_its_first_candle() -> None:
    limits, new = desk(limit("platform.volume_share_max", "0.01")), MarketId("v:NEW/USDT")
    limits.took_before(entry("a", new, "6"))
    limits.candle(new, 1.0, NOW_MS, 1_000.0)
    assert word(limits.ask(entry("b", new, "5"), NOW_MS)) == Denial.VOLUME_SHARE
    assert limits.ask(entry("b", new, "4"), NOW_MS) is None


def test_what_went_out_before_a_restart_counts_beside_what_was_let_through_since() -> None:
    """An account may come up again while others trade on."""
    limits = desk()
    older, newer = entry("a"), entry("a", ETH)
    limits.admit(newer, NOW_MS)
    limits.works_before(AccountId("a"), [older])
    working = frozenset({older.client_order_id, newer.client_order_id})
    limits.stands(replace(standing("a"), working=working))
    assert limits.figure(limit("platform.positions_max", "1"), NOW_MS) == 2


def test_it_is_told_whether_an_account_holds_what_it_did_not() -> None:
    limits = desk(names="")
    told = [{}, {}, {BTC: "1"}, {BTC: "1"}, {BTC: "2", ETH: "1"}, {BTC: "1"}, {ETH: "1"}, {}]
    assert [limits.stands(standing("a", held)) for held in told] == [1, 0, 1, 0, 1, 0, 1, 0]


def test_a_rate_is_of_the_last_minute_and_of_before_a_restart() -> None:
    limits = desk(limit("user.a.orders_per_minute_max", "2"))
    limits.sent_before(replace(entry("a"), time_ms=NOW_MS - 59_999))
    limits.admit(entry("a", number=2), NOW_MS)
    assert word(limits.ask(entry("a", number=3), NOW_MS)) == Denial.ORDER_RATE
    assert limits.ask(entry("b"), NOW_MS) is None
    assert limits.ask(entry("a", number=3), NOW_MS + 1) is None


def test_the_rest_of_an_entry_still_counts_once_a_part_of_it_is_filled() -> None:
    limits = desk(limit("platform.exposure_max", "4000"))
    limits.admit(entry("a", quantity="40"), NOW_MS)
    partly = replace(standing("a", {BTC: "1"}), working=frozenset({entry("a").client_order_id}))
    limits.stands(partly)
    assert limits.figure(limit("platform.exposure_max", "4000"), NOW_MS) == 4_000
    assert word(limits.ask(entry("b", quantity="1"), NOW_MS)) == Denial.SCOPE_EXPOSURE
    limits.stands(replace(partly, working=frozenset()))
    assert limits.ask(entry("b", quantity="1"), NOW_MS) is None


def recounted(limits: LiveLimits) -> dict[Key, Tally]:
    """The sums over all accounts, counted anew."""
    kept, limits._tallies = limits._tallies, {}
    for each in list(limits.standings()):
        limits._count(each, 1)
    anew, limits._tallies = limits._tallies, kept
    return anew


def counts(tally: Tally) -> tuple[object, ...]:
    """What is in a sum; nothing of a market is as good as no market."""
    held, entering = ({m: q for m, q in each.items() if q} for each in (tally.held, tally.entering))
    return held, entering, tally.positions, {quote: list(each) for quote, each in tally.money.items() if any(each)}


@pytest.mark.parametrize("seed", range(25))
def test_sums_that_are_kept_are_those_that_would_be_counted_anew(seed: int) -> None:
    """Whatever happens: accounts that change or say the same again, enter, fill, change user or capital; days and weeks that turn,
    new peaks, other clusters."""
    chance, now_ms, known = random.Random(seed), NOW_MS, dict[str, Standing]()
    falls = [limit(f"{scope}.drawdown_max", "0.5") for scope in ("platform", "user.a")]
    limits = desk(*falls, limit("platform.daily_loss_max", "0.5"), limit("cluster.pair.exposure_max", "1"), names="")

    def changes(name: str) -> None:
        held = {market: chance.choice(["4", "10"]) for market in (BTC, ETH) if chance.random() < 0.4}
        stands = standing(name, held, chance.choice(["10000", "9000", "12000"]))
        day, week = day_and_week(now_ms) if chance.random() < 0.7 else (stands.day, stands.week)
        user, capital = UserId(chance.choice([name, name, "a"])), D(chance.choice(["10000", "5000"]))
        working = frozenset(order for order in limits._orders(stands.account) if chance.random() < 0.6)
        known[name] = replace(stands, day=day, week=week, user=user, capital=capital, working=working)
        limits.stands(known[name])

    for step in range(60):
        name, market = chance.choice("abc"), chance.choice([BTC, ETH])
        match chance.choice(
            ["changes"] * 4 + ["same", "enters", "enters", "time", "peaks", "anew", "clusters", "price"]
        ):
            case "same" if name in known:
                limits.stands(known[name])
            case "enters" if name in known:
                limits.admit(entry(name, market, number=step), now_ms)
            case "time":
                now_ms += chance.choice([1_000, DAY_MS, 7 * DAY_MS])
                limits.look(now_ms)
            case "peaks":
                limits.higher()
            case "anew":
                limits.measure_from_now(LimitScope.PLATFORM, "")
            case "clusters":
                limits.use(limits.limits, {"pair": frozenset(chance.sample([BTC, ETH], chance.choice([0, 1, 2])))})
            case "price":
                limits.candle(market, chance.choice([50.0, 100.0, 200.0]), now_ms, 5.0)
            case _:
                changes(name)
        anew = recounted(limits)
        for key in limits._tallies.keys() | anew.keys():
            kept, again = (tallies.get(key, Tally()) for tallies in (limits._tallies, anew))
            assert counts(kept) == counts(again), (step, key)
