"""Answers and streams break all the time, everywhere at once: the venue's own faults, from one seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Series
from tests.whole.test_faults import BARS, NAMES, Told, check_books, player, tell
from tests.whole.test_parity import WEIGHT, listing_of
from tradepool.entrypoints.replay import Plan, Replay
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.scenario import Scenario

BAR_MS = 300_000
WHEN: dict[str, Any] = {"from_ms": 60_000, "until_ms": (BARS - 10) * BAR_MS}
ORDERS = "* /api/v3/order"


def storm(seed: int) -> Scenario:
    """Requests go wrong one time in four, taken or not; streams stutter and end. It is over ten bars before the end."""
    lost = [
        Fault(kind=kind, route=route, accepted=accepted, share=0.02, **more, **WHEN)
        for kind, more in LOSSES
        for route in (ORDERS, "GET /api/v3/myTrades")
        for accepted in (True, False)
    ]
    return Scenario(name="storm", seed=seed, faults=(*lost, *STUTTER))


LOSSES: list[tuple[str, dict[str, Any]]] = [
    ("reset", {}),
    ("status", {"status": 502}),
    ("status", {"status": 503}),
    ("html", {}),
    ("cut_json", {}),
    ("cut_body", {}),
    ("code", {"code": -1007}),
    ("silence", {"delay_ms": 20_000}),
]
STUTTER = (
    Fault(kind="too_many", route=ORDERS, share=0.02, **WHEN),
    Fault(kind="late", route=ORDERS, delay_ms=1_500, share=0.05, **WHEN),
    Fault(kind="latency", delay_ms=40, spread=2.0, **WHEN),
    Fault(kind="doubled", share=0.1, **WHEN),
    Fault(kind="reordered", stream="user", share=0.05, **WHEN),
    Fault(kind="cut", code=1006, share=0.05, **WHEN),
    Fault(kind="cut", code=1001, share=0.03, **WHEN),
    Fault(kind="terminated", stream="user", share=0.03, **WHEN),
)


class Watched:
    """A replay's storm, with what it struck."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.struck: dict[int, int] = {}

    def __call__(self, replay: Replay) -> bool:
        """Before each step: never holds it back."""
        self.struck = {rule.number: rule.struck.total() for rule in replay.server.faults}
        return True


def weather(plan: Plan, place: Path, seed: int) -> tuple[Told, dict[int, int]]:
    """One storm: every fill is booked once, no order is placed twice, nobody is halted."""
    watched = Watched()
    told = tell(replace(plan, scenario=storm(seed)), place, watched)
    check_books(told)
    assert told.outcome.orders == told.rows("select count(*) from order_intent")[0][0]
    assert sum(watched.struck.values()) > 100
    return told, watched.struck


@pytest.mark.parametrize("seed", [21])
def test_a_storm_loses_and_doubles_nothing(
    series: Series, tmp_path_factory: pytest.TempPathFactory, seed: int, long: bool
) -> None:
    """And the same seed makes the same storm, down to every user's end."""
    listing = listing_of(series("BINANCE-BTC-USDT-5m"), BARS)
    plan = Plan(listings=[listing], players=[player(name, [listing], WEIGHT) for name in NAMES])
    for each in range(seed, seed + (20 if long else 1)):
        told, struck = weather(plan, tmp_path_factory.mktemp("s") / "r", each)
        again, struck_again = weather(plan, tmp_path_factory.mktemp("s") / "r", each)
        assert told.outcome.users == again.outcome.users
        assert struck == struck_again
