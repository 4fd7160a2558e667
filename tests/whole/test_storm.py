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
from tradepool.simexchange.venue import Venue

BAR_MS = 300_000
WHEN: dict[str, Any] = {"from_ms": 60_000, "until_ms": (BARS - 10) * BAR_MS}
ORDERS = "* /api/v3/order"


def storm(seed: int) -> Scenario:
    """Requests go wrong one time in four, taken or not; streams stutter and end, clocks are wrong. The last ten bars are
    calm."""
    lost = [
        Fault(kind=kind, route=route, accepted=accepted, share=0.02, **more, **WHEN)
        for kind, more in LOSSES
        for route in (ORDERS, "GET /api/v3/myTrades")
        for accepted in (True, False)
    ]
    return Scenario(name="storm", seed=seed, faults=(*lost, *STUTTER, *CLOCKS))


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
# Out of the receive window at once, and again and again: the platform asks the venue's time each time.
CLOCKS = (
    Fault(kind="clock", offset_ms=10_000, from_ms=20 * BAR_MS, until_ms=60 * BAR_MS),
    Fault(kind="clock", offset_ms=-7_000, from_ms=100 * BAR_MS, until_ms=140 * BAR_MS),
    Fault(kind="clock", drift_ppm=200, from_ms=200 * BAR_MS, until_ms=400 * BAR_MS),
    Fault(kind="code", code=-1021, route="* /api/v3/order", share=0.02, **WHEN),
)
STUTTER = (
    Fault(kind="delayed", delay_ms=800, share=0.05, **WHEN),
    Fault(kind="lost", stream="*@kline_*", share=0.05, **WHEN),
    Fault(kind="lost", stream="user", share=0.05, **WHEN),
    # Streams that stand and say nothing: for half a day, whatever is opened anew.
    Fault(kind="silent", stream="user", from_ms=120 * BAR_MS, until_ms=160 * BAR_MS),
    Fault(kind="silent", stream="user", share=0.5, from_ms=300 * BAR_MS, until_ms=340 * BAR_MS),
    Fault(kind="too_many", route=ORDERS, share=0.02, **WHEN),
    Fault(kind="banned", route=ORDERS, share=0.01, **WHEN),
    Fault(kind="code", code=-1015, route="POST /api/v3/order", share=0.02, **WHEN),
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
        self.venue: Venue | None = None

    def __call__(self, replay: Replay) -> bool:
        """Before each step: never holds it back."""
        self.venue = replay.venue
        self.struck = {rule.number: rule.struck.total() for rule in replay.server.faults}
        return True


def check_intents(told: Told, venue: Venue | None) -> None:
    """Each order at the venue has one intent, and an intent without an order was refused or given up, and said so."""
    assert venue is not None
    placed = [order.client_id for key in venue.accounts for order in venue.orders(key)]
    intents = {name for (name,) in told.rows("select client_order_id from order_intent")}
    assert len(placed) == len(set(placed)) == told.outcome.orders
    assert set(placed) <= intents
    for name in intents - set(placed):
        (ended,) = told.rows(f"select count(*) from event where kind = 'OrderRejected' and body like '%{name}%'")
        assert ended == (1,), name


def weather(plan: Plan, place: Path, seed: int) -> tuple[Told, dict[int, int]]:
    """One storm: every fill is booked once, no order is placed twice, nobody is halted."""
    watched = Watched()
    told = tell(replace(plan, scenario=storm(seed)), place, watched)
    check_books(told)
    check_intents(told, watched.venue)
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


def test_a_thousand_orders_of_twenty_users_in_all_weathers(
    series: Series, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Connection, answer, stream, limit and clock at once, twice: one intent an order, one booking a fill, one end."""
    listing = listing_of(series("BINANCE-BTC-USDT-5m"), BARS)
    names = [NAMES[number % len(NAMES)] for number in range(20)]
    plan = Plan(listings=[listing], players=[player(name, [listing], WEIGHT) for name in names])
    told, struck = weather(plan, tmp_path_factory.mktemp("s") / "r", 5)
    assert told.outcome.orders >= 1_000
    assert all(struck.get(number + 1) for number in range(len(storm(5).faults) - len(CLOCKS))), (
        "some weather never came"
    )
    again, struck_again = weather(plan, tmp_path_factory.mktemp("s") / "r", 5)
    assert (told.outcome.users, struck) == (again.outcome.users, struck_again)
