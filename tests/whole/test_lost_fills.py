"""Orders that fill in many parts, on a stream that loses, swaps and cuts: no part is missed, none is booked twice."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import Series
from tests.whole.test_faults import NAMES, Told, check_books, place, player
from tests.whole.test_parity import WEIGHT, listing_of
from tradepool.entrypoints.lock_step import run_in_lock_step
from tradepool.entrypoints.replay import Plan, Replay
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.liquidity import Depth
from tradepool.simexchange.scenario import Scenario

__all__ = ["place"]

BARS, BAR_MS = 400, 300_000
# An entry takes dozens of levels, or all there are: then it ends before it is filled.
THIN = {
    "deep": Depth(spread_bp=1, level_notional=Decimal(200), levels=200),
    "short": Depth(spread_bp=1, level_notional=Decimal(200), levels=30),
}
UNTIL_MS = (BARS - 20) * BAR_MS
WEATHER = (
    Fault(kind="lost", stream="user", share=0.1, until_ms=UNTIL_MS),
    Fault(kind="reordered", stream="user", share=0.1, until_ms=UNTIL_MS),
    Fault(kind="cut", code=1006, stream="user", share=0.05, until_ms=UNTIL_MS),
    Fault(kind="doubled", stream="user", share=0.1, until_ms=UNTIL_MS),
)


@pytest.mark.parametrize("depth", THIN)
def test_no_part_of_an_order_is_missed(series: Series, place: Path, depth: str) -> None:
    """The ledger is the venue's; the same twice."""
    listing = listing_of(series("BINANCE-BTC-USDT-5m"), BARS)
    plan = Plan(listings=[listing], players=[player(name, [listing], WEIGHT) for name in NAMES])
    plan = replace(plan, scenario=Scenario(seed=3, faults=WEATHER))
    told, again = (tell(plan, place / name, THIN[depth]) for name in "ab")
    check_books(told)
    assert told.outcome.fills > 3 * told.outcome.orders
    assert told.outcome.users == again.outcome.users


def tell(plan: Plan, folder: Path, depth: Depth) -> Told:
    """Replay a plan on thin books."""
    folder.mkdir(parents=True)
    replay = Replay(plan, folder)
    for market in replay.venue.markets:
        market.liquidity = depth.book(market)
    return Told(run_in_lock_step(replay.run), folder / "tradepool.sqlite")
