"""The gate before entries: what candles and refusals of all accounts make it say."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from tests.nouns import BTC, ETH, STRATEGY, request, signal
from tradepool.core.risk.anomaly import CLOSES_MIN
from tradepool.core.risk.suspension import ACCOUNTS_MAX, LASTS_MS, Suspensions, Trouble
from tradepool.domain.event import VENUE_REJECTED
from tradepool.domain.ids import AccountId, StrategyId
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading.entry_gate import EntryGate
from tradepool.services.venue_clock import VenueClock


class RightClock:
    """A venue's clock that is right."""

    right = True


def gate_at(clock: VirtualClock) -> EntryGate:
    return EntryGate(cast("VenueClock", RightClock()), Suspensions(), clock)


def test_a_price_that_makes_no_sense_suspends_its_market_before_anybody_acts_on_it() -> None:
    clock = VirtualClock(1_000)
    gate = gate_at(clock)
    for n in range(2 * CLOSES_MIN):
        gate.closed([signal(BTC, close=100.0 + n % 2 / 10), signal(ETH, close=10.0)])
        assert gate.may_enter(request()) == ""
    gate.closed([signal(BTC, close=150.0), signal(BTC, close=150.0), signal(ETH, close=10.0)])
    assert gate.may_enter(request()) == "suspended_odd_price"
    assert gate.may_enter(request(market=ETH.id)) == ""
    clock.advance_to(1_000 + LASTS_MS[Trouble.ODD_PRICE])
    assert gate.may_enter(request()) == ""


def test_a_strategy_that_is_refused_all_over_is_told_of() -> None:
    gate, failing = gate_at(VirtualClock(1_000)), list[StrategyId]()
    gate.on_strategy_failed = failing.append
    for n in range(ACCOUNTS_MAX):
        assert failing == []
        one = replace(request(), account=AccountId(f"u{n}"), market=(BTC, ETH)[n % 2].id)
        gate.rejected(one, "insufficient_balance")
        gate.rejected(one, VENUE_REJECTED)
    assert failing == [STRATEGY]


def test_limits_count_only_what_the_deployment_lets_out() -> None:
    gate, counted = gate_at(VirtualClock(1_000)), list[object]()
    gate.limits = lambda request: counted.append(request) or ""  # type: ignore[func-returns-value]
    gate.leave = lambda request: "halted"
    assert (gate.may_enter(request()), counted) == ("halted", [])
    gate.leave = lambda request: ""
    assert (gate.may_enter(request()), len(counted)) == ("", 1)
