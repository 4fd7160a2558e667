"""Limits that act, on the live path: what a limit flattens is sold whatever comes between."""

from __future__ import annotations

from pathlib import Path

from tests.whole.lives import held
from tests.whole.test_faults import place
from tests.whole.test_limits import CASES, Case, Limited, tell
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.domain.denial import Denial
from tradepool.domain.limit import Action, Trip
from tradepool.domain.order import Purpose

__all__ = ["place"]

DAY_MS = 86_400_000


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
