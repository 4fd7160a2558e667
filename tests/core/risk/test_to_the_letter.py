"""The edges of risk's rules, each where a changed sign or a lost field would go unnoticed otherwise."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.nouns import ACCOUNT, BTC, ETH, request
from tradepool.core.risk.anomaly import CLOSES_MIN, OddPrices
from tradepool.core.risk.key_rights import (
    DAY_MS,
    EXPIRY_DAYS,
    KeyTooStrong,
    KeyTooWeak,
    changes,
    check_rights,
    warnings_of,
)
from tradepool.core.risk.review import review
from tradepool.core.risk.strategy_failures import StrategyFailures, blamed
from tradepool.core.risk.suspension import ACCOUNTS_MAX, ERRORS_WITHIN_MS, LASTS_MS, Suspension, Suspensions, Trouble
from tradepool.core.risk.symbols import likely, listed_market
from tradepool.domain.errors import UnknownMarket
from tradepool.domain.ids import AccountId, MarketId, StrategyId
from tradepool.domain.key import KeyRights
from tradepool.domain.order import ApprovedOrder, OrderType, Refusal, Side
from tradepool.domain.suspended import Suspended, SuspendedKind

GOOD = KeyRights(
    reading=True, trading=True, withdrawals=False, transfers=False, other_markets=False, listed_addresses=True
)


def test_only_keys_that_trade_and_move_nothing_are_taken() -> None:
    check_rights(GOOD, "v", ACCOUNT.id)
    for change, what in (
        ({"withdrawals": True}, "may withdraw;"),
        ({"transfers": True}, "may transfer;"),
        ({"withdrawals": True, "transfers": True, "trading": False}, "may withdraw and transfer;"),
    ):
        with pytest.raises(KeyTooStrong, match=f"account {ACCOUNT.id} at v {what}"):
            check_rights(replace(GOOD, **change), "v", ACCOUNT.id)
    for change, what in (
        ({"reading": False}, "may not read;"),
        ({"trading": False}, "may not trade;"),
        ({"reading": False, "trading": False}, "may not read or trade;"),
    ):
        with pytest.raises(KeyTooWeak, match=f"account {ACCOUNT.id} at v {what}"):
            check_rights(replace(GOOD, **change), "v", ACCOUNT.id)


def test_what_is_taken_may_be_warned_of() -> None:
    assert warnings_of(GOOD, 0) == []
    assert [w[:25] for w in warnings_of(replace(GOOD, other_markets=True), 0)] == ["it may trade margin, futu"]
    for days in EXPIRY_DAYS:
        for late_ms, said in ((1, False), (0, True), (-1, True)):
            found = warnings_of(replace(GOOD, trading_until_ms=days * DAY_MS + 9 + late_ms), 9)
            within = f"the venue ends its trading within {days} day{'s' * (days > 1)}: renew it there"
            assert (within in found) is said
            assert len(found) == (1 if said or days < EXPIRY_DAYS[0] else 0)
    after = replace(GOOD, transfers=True, trading=False, trading_until_ms=5)
    assert changes(GOOD, after) == ["-trading", "+transfers"]
    assert changes(after, GOOD) == ["+trading", "-transfers"]
    assert changes(GOOD, replace(GOOD, trading_until_ms=5, created_ms=5)) == []


def test_a_market_is_found_or_what_was_meant_is_said() -> None:
    listed = {BTC.id: BTC, ETH.id: ETH}
    assert listed_market(listed, ETH.id) is ETH
    for wanted, words in (
        ("binance:BTC/USD", "Market 'BTC/USD' is not known here; the nearest known: BTC/USDT."),
        ("binance:DOGE/EUR", "Market 'DOGE/EUR' is not known here; the nearest known: nothing like it."),
        ("kraken:BTC/USDT", "Market 'kraken:BTC/USDT' is not known here; the nearest known: markets of binance only."),
    ):
        with pytest.raises(UnknownMarket) as caught:
            listed_market(listed, MarketId(wanted))
        assert str(caught.value) == words
    many = [f"BTC/{quote}" for quote in ("USD", "FDUSD", "USDC", "USDT")]
    for typed in ("btc/usdt", "btc-usdt", "btcusdt"):
        assert likely(typed, many) == ["BTC/USDT"]
    assert likely("BTC/USDT", many[:3]) == ["BTC/USDC", "BTC/FDUSD", "BTC/USD"]
    assert likely("BTC", many) == ["BTC/USDT", "BTC/USDC", "BTC/FDUSD"]
    # Five of six letters are enough, four are not.
    assert likely("XBC/EUR", ["ABC/EUR", "ABC/EUX"]) == ["ABC/EUR"]


def test_a_market_that_is_not_found_is_told_with_all_that_is_near_and_not_at_any_length() -> None:
    listed = {market.id: market for market in (BTC, ETH, replace(BTC, quote="USDC"), replace(BTC, venue="kraken"))}
    for wanted, words in (
        ("nasdaq:BTC/USDT", "'nasdaq:BTC/USDT' is not known here; the nearest known: markets of binance, kraken only."),
        ("binance:BTC/USD", "'BTC/USD' is not known here; the nearest known: BTC/USDT or BTC/USDC."),
        ("binance:BTC/EUR:EUR", "'BTC/EUR:EUR' is not known here; the nearest known: nothing like it."),
        (f"binance:{'X' * 99}", f"'{'X' * 59} is not known here; the nearest known: nothing like it."),
        (f"{'x' * 99}:X", f"'{'x' * 59} is not known here; the nearest known: markets of binance, kraken only."),
    ):
        with pytest.raises(UnknownMarket) as caught:
            listed_market(listed, MarketId(wanted))
        assert str(caught.value) == f"Market {words}"


def test_an_order_on_the_edge_of_the_grid_passes_and_one_beside_it_is_refused_by_name() -> None:
    def reviewed(**change: object) -> ApprovedOrder | Refusal:
        return review(request(**change), BTC, held_steps=10**9, spendable_units=1)

    assert isinstance(reviewed(quantity=BTC.quantity_min), ApprovedOrder)
    stop = {"type": OrderType.STOP_LOSS, "side": Side.SELL}
    limit = {"type": OrderType.LIMIT}
    for name, kind in (("stop_price", stop), ("price", limit)):
        for price, good in ((BTC.price_tick, True), (Decimal(1), True), (Decimal(0), False), (None, False)):
            assert isinstance(reviewed(**kind, **{name: price}), ApprovedOrder) is good, (name, price)
    one = request(quantity=BTC.quantity_min / 2)
    assert review(one, BTC, held_steps=0, spendable_units=1) == Refusal(
        account=one.account, market=BTC.id, time_ms=one.time_ms, reason="quantity_off_grid"
    )


def test_suspensions_live_where_they_are_kept_and_a_lift_forgets_the_errors_too() -> None:
    kept: dict[MarketId, Suspension] = {}
    listed = Suspensions(kept)
    listed.lift(BTC.id)
    listed.suspend(BTC.id, Trouble.STALE, 5, "quiet")
    assert kept[BTC.id] == Suspension(
        market=BTC.id, trouble=Trouble.STALE, since_ms=5, until_ms=5 + LASTS_MS[Trouble.STALE], note="quiet"
    )
    listed.suspend(BTC.id, Trouble.STALE, 5, "again")
    assert kept[BTC.id].note == "quiet"
    assert listed.of(BTC.id, kept[BTC.id].until_ms) is None
    assert kept == {}
    for n in range(ACCOUNTS_MAX - 1):
        listed.failed(BTC.id, AccountId(f"u{n}"), 10)
    listed.lift(BTC.id)
    listed.failed(BTC.id, AccountId("last"), 11)
    assert listed.of(BTC.id, 12) is None
    listed.suspend(BTC.id, Trouble.STALE, 13)
    assert kept[BTC.id].note == ""
    listed.lift(BTC.id)
    for n in range(ACCOUNTS_MAX):
        listed.failed(BTC.id, AccountId(f"u{n}"), 14)
    assert kept[BTC.id].note == ""


def test_a_refusal_blames_a_strategy_for_just_so_long() -> None:
    """The last of five within five minutes blames it; where the first is exactly as old, it does not."""
    for first_ms, blames in ((1, True), (0, False)):
        failures, strategy = StrategyFailures(), StrategyId("s")
        times = (first_ms, *(9 for _ in range(ACCOUNTS_MAX - 2)), ERRORS_WITHIN_MS)
        found = [failures.failed(strategy, (BTC, ETH)[n % 2].id, AccountId(f"u{n}"), at) for n, at in enumerate(times)]
        assert found == [False] * (ACCOUNTS_MAX - 1) + [blames]


def test_the_platforms_word_on_a_strategy() -> None:
    assert blamed("churn", 100) == Suspended(
        kind=SuspendedKind.STRATEGY,
        name="churn",
        since_ms=100,
        until_ms=100 + LASTS_MS[Trouble.ERRORS],
        by="tradepool",
        reason="its orders are refused on several markets, for many accounts",
        trouble="errors",
    )


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_what_is_odd_does_not_depend_on_the_units_of_the_price(scale: float) -> None:
    odd = OddPrices()
    for n in range(2 * CLOSES_MIN):
        assert odd.look(BTC.id, scale * (1.0 + n % 2 / 1_000)) == ""
    assert odd.look(BTC.id, scale * 1.5).startswith("it moved by 49.9 %, 40")
