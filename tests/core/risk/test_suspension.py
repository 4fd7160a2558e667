"""Problem markets: suspended for a reason, until a time, and no longer."""

from __future__ import annotations

import pytest

from tests.nouns import BTC, ETH
from tradepool.core.risk.suspension import (
    ERRORS_MAX,
    ERRORS_WITHIN_MS,
    LASTS_MS,
    Suspensions,
    Trouble,
)


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
    for number in range(3 * ERRORS_MAX):
        listed.failed(BTC.id, number * ERRORS_WITHIN_MS // (ERRORS_MAX - 1))
    assert listed.all(0) == []
    at = 10**9
    for _ in range(ERRORS_MAX):
        assert listed.of(BTC.id, at) is None
        listed.failed(BTC.id, at, "why")
    held = listed.of(BTC.id, at)
    assert held is not None
    assert (held.trouble, held.note) == (Trouble.ERRORS, "why")
