"""A price that makes no sense is told from a wild market; a strategy is blamed only where no market and no account is."""

from __future__ import annotations

import math
import random

from tradepool.core.risk.anomaly import CLOSES_MIN, MOVE_MIN, OddPrices
from tradepool.core.risk.strategy_failures import MARKETS_MIN, StrategyFailures, blamed
from tradepool.core.risk.suspension import ACCOUNTS_MAX, ERRORS_WITHIN_MS
from tradepool.domain.ids import AccountId, MarketId, StrategyId
from tradepool.domain.suspended import SuspendedKind

A, B = MarketId("v:A/USDT"), MarketId("v:B/USDT")
STRATEGY = StrategyId("s")


def walk(seed: int, volatility: float, count: int) -> list[float]:
    drawn, close, closes = random.Random(seed), 100.0, []
    for _ in range(count):
        close *= math.exp(drawn.gauss(0, volatility))
        closes.append(close)
    return closes


def test_a_market_that_is_always_wild_is_never_odd() -> None:
    for seed, volatility in enumerate((0.0001, 0.001, 0.01, 0.05)):
        odd = OddPrices()
        assert [why for close in walk(seed, volatility, 3_000) if (why := odd.look(A, close))] == []


def test_a_jump_is_odd_both_ways_and_on_its_own_market_only() -> None:
    for factor in (0.9, 1.1):
        odd = OddPrices()
        for one, other in zip(walk(1, 0.001, 500), walk(2, 0.03, 500), strict=True):
            assert (odd.look(A, one), odd.look(B, other)) == ("", "")
            last = one, other
        assert "times its usual move" in odd.look(A, last[0] * factor)
        assert odd.look(B, last[1] * factor) == ""
        assert odd.look(A, last[0] * factor * 1.001) == ""


def test_nothing_is_judged_too_early_or_below_the_least_move() -> None:
    odd = OddPrices()
    closes = [100.0] * CLOSES_MIN
    assert [odd.look(A, close) for close in [*closes[:-1], 200.0]] == [""] * CLOSES_MIN
    for _ in range(3_000):
        odd.look(B, 100.0)
    assert odd.look(B, 100.0 * math.exp(MOVE_MIN * 0.99)) == ""
    assert odd.look(A, 0.0) != ""


def test_a_strategy_is_blamed_for_many_accounts_on_several_markets_at_about_the_same_time() -> None:
    def told(accounts: int, markets: int, every_ms: int) -> list[bool]:
        failures = StrategyFailures()
        return [
            failures.failed(STRATEGY, MarketId(f"v:{n % markets}"), AccountId(f"u{n % accounts}"), n * every_ms)
            for n in range(ACCOUNTS_MAX * 4)
        ]

    assert not any(told(ACCOUNTS_MAX - 1, 5, 1))
    assert not any(told(ACCOUNTS_MAX, MARKETS_MIN - 1, 1))
    assert not any(told(ACCOUNTS_MAX, MARKETS_MIN, ERRORS_WITHIN_MS))
    assert told(ACCOUNTS_MAX, MARKETS_MIN, 1) == ([False] * (ACCOUNTS_MAX - 1) + [True]) * 4
    row = blamed("churn", 1_000)
    assert (row.kind, row.by, row.trouble, row.until_ms > 1_000) == (
        SuspendedKind.STRATEGY,
        "tradepool",
        "errors",
        True,
    )


def test_what_is_usual_is_the_mean_of_the_moves_so_far() -> None:
    """14 of a thousandth and 15 of three: a fall by a tenth is 52 times their mean."""
    odd, close = OddPrices(), 100.0
    odd.look(A, close)
    for thousandths in [1] * 14 + [3] * 15:
        close *= math.exp(thousandths / 1_000)
        assert odd.look(A, close) == ""
    assert odd.look(A, close * 0.9) == "it moved by -10.0 %, 52 times its usual move"


def test_a_price_of_nothing_breaks_nothing() -> None:
    odd = OddPrices()
    assert [odd.look(A, close) for close in (0.0, 5.0, 0.0, 0.0, 5.0)] == [""] * 5
