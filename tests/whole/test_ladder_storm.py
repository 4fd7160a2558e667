"""Stops, targets, break-even and time in bad weather and on thin books: one booking a fill, one end an order, nothing naked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Series
from tests.whole.test_faults import BARS, NAMES, check_books, place, player, tell
from tests.whole.test_lost_fills import THIN, WEATHER
from tests.whole.test_lost_fills import tell as tell_thin
from tests.whole.test_parity import WEIGHT, listing_of
from tests.whole.test_storm import LOSSES, WHEN, check_intents, storm
from tradepool.core.strategies.exits import break_even_atrs, stop_atrs, targets_atrs, time_exit, trail_atrs
from tradepool.entrypoints.replay import Plan, Replay
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.scenario import Scenario
from tradepool.simexchange.venue import Venue

__all__ = ["place"]

EXITS = stop_atrs(2.0) + trail_atrs(2.0) + targets_atrs(1.0, 3.0, 0.5) + break_even_atrs(1.5) + time_exit(30)
PAIRS = "POST /api/v3/orderList/oco"


def ladder_plan(series: Series, bars: int) -> Plan:
    """Three users with every exit there is."""
    listing = listing_of(series("BINANCE-BTC-USDT-5m"), bars)
    users = [player(name, [listing], WEIGHT) for name in NAMES]
    return Plan(
        listings=[listing],
        players=[
            replace(user, name=f"{number}", strategy=replace(user.strategy, name=f"ladder_{number}", exits=EXITS))
            for number, user in enumerate(users)
        ],
    )


@pytest.mark.parametrize("seed", [41])
def test_pairs_in_a_storm_are_neither_lost_nor_doubled(series: Series, place: Path, seed: int, long: bool) -> None:
    """Requests for pairs go wrong as those for orders do, taken or not."""
    for each in range(seed, seed + (20 if long else 1)):
        weather = storm(each)
        lost = [
            Fault(kind=kind, route=PAIRS, accepted=accepted, share=0.01, **more, **WHEN)
            for kind, more in LOSSES
            for accepted in (True, False)
        ]
        plan = replace(ladder_plan(series, BARS), scenario=replace_faults(weather, lost))
        seen: list[Venue] = []

        def before_step(replay: Replay, seen: list[Venue] = seen) -> bool:
            seen[:] = [replay.venue]
            return True

        told = tell(plan, place / f"{each}", before_step)
        check_books(told)
        check_intents(told, seen[0])
        placed = [order for key in seen[0].accounts for order in seen[0].orders(key) if order.list_id]
        assert len(placed) > 100


def replace_faults(weather: Scenario, more: list[Fault]) -> Scenario:
    """The same weather, and more of it."""
    return Scenario(name=weather.name, seed=weather.seed, faults=(*weather.faults, *more))


@pytest.mark.parametrize("depth", THIN)
def test_targets_that_fill_in_part_are_paired_again(series: Series, place: Path, depth: str) -> None:
    """On thin books, with a stream that loses, swaps and cuts; the ledger is the venue's, and the same twice."""
    plan = replace(ladder_plan(series, 400), scenario=Scenario(seed=3, faults=WEATHER))
    told, again = (tell_thin(plan, place / name, THIN[depth]) for name in "ab")
    check_books(told)
    assert {trade.exit_reason.value for user in told.outcome.users for trade in user.trades} >= {"target", "trailing"}
    assert told.outcome.users == again.outcome.users
