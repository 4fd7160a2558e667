"""Problem markets: suspended for a reason, until a time, and no longer."""

from __future__ import annotations

import pytest

from tests.nouns import BTC, ETH
from tradepool.core.risk.suspension import (
    ACCOUNTS_MAX,
    ERRORS_WITHIN_MS,
    LASTS_MS,
    LISTING_MS,
    Suspensions,
    Trouble,
)
from tradepool.domain.ids import AccountId
from tradepool.services.trading.listed_markets import LISTING_S


@pytest.mark.parametrize("trouble", Trouble)
def test_a_suspension_lasts_as_long_as_its_trouble(trouble: Trouble) -> None:
    """It is gone at its end, and concerns one market."""
    listed = Suspensions()
    listed.suspend(BTC.id, trouble, 1_000, "note")
    end = 1_000 + LASTS_MS[trouble]
    (held,) = listed.all(end - 1)
    assert (held.market, held.trouble, held.since_ms, held.until_ms, held.note) == (BTC.id, trouble, 1_000, end, "note")
    assert listed.of(ETH.id, 1_001) is None
    assert listed.all(end) == []


def test_seen_again_it_lasts_longer_from_its_beginning_and_the_longer_trouble_stays() -> None:
    listed = Suspensions()
    listed.suspend(BTC.id, Trouble.STALE, 0)
    listed.suspend(BTC.id, Trouble.STALE, 60_000)
    held = listed.of(BTC.id, 60_000)
    assert held is not None
    assert (held.since_ms, held.until_ms) == (0, 360_000)
    listed.suspend(BTC.id, Trouble.DELISTED, 61_000)
    listed.suspend(BTC.id, Trouble.STALE, 62_000)
    held = listed.of(BTC.id, 62_000)
    assert held is not None
    assert held.reason == "suspended_delisted"
    listed.lift(BTC.id)
    assert listed.of(BTC.id, 62_000) is None


def test_errors_suspend_when_there_are_many_in_a_short_time() -> None:
    """A few, or many over a long time, do not."""
    listed = Suspensions()
    for number in range(3 * ACCOUNTS_MAX):
        listed.failed(BTC.id, AccountId(str(number)), number * ERRORS_WITHIN_MS // (ACCOUNTS_MAX - 1))
    assert listed.all(0) == []
    at = 10**9
    for number in range(ACCOUNTS_MAX):
        for _ in range(2 * ACCOUNTS_MAX):
            assert listed.of(BTC.id, at) is None, "one account's errors are its own"
            listed.failed(BTC.id, AccountId(str(number)), at - (number < ACCOUNTS_MAX - 1), "why")
            if number == ACCOUNTS_MAX - 1:
                break
    held = listed.of(BTC.id, at)
    assert held is not None
    assert (held.trouble, held.note) == (Trouble.ERRORS, "why")


def test_a_halted_market_stays_shut_until_two_listings_were_missed() -> None:
    """Each round is asked after the last one was answered, so later than its time."""
    listed = Suspensions()
    listed.suspend(BTC.id, Trouble.HALTED, 0)
    assert listed.of(BTC.id, int(2.9 * 1_000 * LISTING_S)) is not None
    assert int(1_000 * LISTING_S) == LISTING_MS
