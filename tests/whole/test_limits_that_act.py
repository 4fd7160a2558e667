"""Limits that act, on the live path: what a limit flattens is sold whatever comes between, what a person sets is in force."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from tests.contract import watch_kit
from tests.contract.watch_kit import World
from tests.whole.limit_cases import CASES, Case
from tests.whole.lives import held
from tests.whole.test_faults import place
from tests.whole.test_limits import Limited, tell
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.domain.denial import Denial
from tradepool.domain.limit import Action, Override, RiskPlan, Trip
from tradepool.domain.order import Purpose
from tradepool.entrypoints.app import Platform
from tradepool.simexchange.tls import TlsFiles

__all__ = ["place"]

D = Decimal
DAY_MS = 86_400_000


def test_what_a_person_sets_of_a_mandate_holds_at_the_very_next_candle(tmp_path: Path, files: TlsFiles) -> None:
    """Within a second, though nobody enters or looks meanwhile; so does what he takes away."""

    def limited(world: World) -> None:
        wiring = world.platform._wiring
        world.platform = Platform(replace(wiring, risk=(RiskPlan(), DatabaseRisk(wiring.connection))))

    async def story(world: World) -> None:
        store, key = (
            DatabaseRisk(world.platform._wiring.connection),
            f"mandate.{world.seats[0].mandate.id}.exposure_max",
        )
        for value in (D(9), None):
            store.override(Override(key=key, value=value, since_ms=1, by="ann", reason="calmer"), None)
            passed = asyncio.ensure_future(world.clock.sleep(1))
            await world.until(passed.done)
            await world.settle()
            await world.enter()
            assert world.refusals() == [Denial.EXPOSURE]
            assert bool(world.actor().account.positions()) is (value is None)

    watch_kit.tell(story, tmp_path, files, before=limited)


def test_an_entry_on_the_wire_when_a_limit_flattens_is_sold(place: Path) -> None:
    """Of entries on one candle the first is let through, and bought when the next one is too much."""
    case = Case(Denial.SCOPE_EXPOSURE, {"platform.exposure_max": "6000"}, action=Action.FLATTEN)

    async def story(lives: Limited) -> None:
        async with lives.life() as life:
            books, store = DatabaseBooks(life.connection), DatabaseRisk(life.connection)
            await life.until(lambda: bool(store.trips()))
            await life.bars(1)
            assert held(life) == 0
            sold = [t for seat in lives.seats for t in books.trades(seat.account.id)]
            assert [trade.exit_reason for trade in sold][-1:] == [Purpose.FLATTEN]
            assert sold[-1].exit_time_ms - store.trips()[0].since_ms < 1_000

    tell(case, place, story)


def test_who_is_killed_before_he_has_sold_what_a_limit_flattens_sells_it_when_he_is_back(place: Path) -> None:
    async def story(lives: Limited) -> None:
        async with lives.life() as life:
            await life.until(lambda: held(life) > 1)
            now_ms = lives.venue.now_ms
            until_ms = (now_ms // DAY_MS + 1) * DAY_MS
            trip = Trip(
                key="platform.daily_loss_max",
                user="",
                action=Action.FLATTEN,
                since_ms=now_ms,
                until_ms=until_ms,
                note="killed right then",
            )
            DatabaseRisk(life.connection).save_trip(trip)
        async with lives.life() as life:
            assert held(life) > 1
            await life.bars(1)
            assert held(life) == 0
            sold = [t for seat in lives.seats for t in DatabaseBooks(life.connection).trades(seat.account.id)]
            assert Purpose.FLATTEN in {trade.exit_reason for trade in sold if trade.exit_time_ms - now_ms < 60_000}

    tell(CASES["flatten"], place, story)
