"""An entry that was not made because its account could not trade: `explain` says so, with the bar it was meant for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.entrypoints.test_explain import DAY, LIFE, climb_of
from tests.simexchange.exchange_kit import MINUTE
from tradepool.domain.deployment import Mode
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.scenario import Scenario


@pytest.mark.parametrize(
    ("route", "cause", "detail"),
    [
        # No order is taken until the entry is too old.
        ("POST /api/v3/order", "late", "aged_out"),
        # What happened meanwhile can't be asked for: the account's start fails, and is tried again and again.
        ("GET /api/v3/myTrades", "outage", ""),
    ],
)
def test_an_entry_that_was_not_made_in_time_is_not_unexplained(
    tmp_path: Path, route: str, cause: str, detail: str
) -> None:
    exact = climb_of(tmp_path, 0)
    away = Fault(kind="status", status=503, route=route, from_ms=0, until_ms=20 * MINUTE)
    exact.scenario = Scenario(faults=(away,))
    exact.stood(Mode.LIVE, 1)
    exact.live(LIFE)
    (life,) = exact.lives
    # What hangs is given up well within a bar: it holds up what the account wants on other markets.
    assert life._platform.feed.client.timeout == 20_000 < MINUTE
    told = exact.explained()
    first, *others = told.differences
    assert (first.time, first.market, first.what) == (f"{DAY}T00:13:00Z", "BTC/USDT", "no entry")
    assert (first.cause, first.detail) == (cause, detail)
    # Sizes go by the equity that came of it.
    assert {(row.what, row.cause) for row in others} == {("quantity", "follows")}
    assert told.entries == told.expected - 1 > 0
