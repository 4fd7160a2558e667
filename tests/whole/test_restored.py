"""A backup that is an hour old, and two instances on one account: nothing is unprotected, nothing is doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Series
from tests.whole.lives import Lives, bare, held, state_of, tell
from tests.whole.test_faults import NAMES, place, player
from tests.whole.test_parity import WEIGHT, listing_of
from tradepool.entrypoints.replay import Plan

__all__ = ["place"]

BARS, USERS, HOUR_BARS = 700, 40, 12


@pytest.fixture(scope="module")
def plan(series: Series) -> Plan:
    """Forty users of two strategies on one market."""
    listing = listing_of(series("BINANCE-BTC-USDT-5m"), BARS)
    names = [NAMES[number % len(NAMES)] for number in range(USERS)]
    return Plan(listings=[listing], players=[player(name, [listing], WEIGHT) for name in names])


@pytest.mark.parametrize("hours", [1, 5])
def test_a_backup_of_an_hour_ago_is_made_whole_by_the_venue(plan: Plan, place: Path, hours: int) -> None:
    """Twenty positions are open then or now; those that were opened, closed and re-levelled since are taken over as the
    venue has them, fills of the lost time are booked, the journal replays, and trading goes on with nothing doubled."""

    async def story(lives: Lives) -> None:
        async with lives.life() as first:
            await first.until(lambda: held(first) >= 20 and first.platform.market_data.candles > 300)
            backup = lives.backup("backup.sqlite")
            await first.bars(HOUR_BARS * hours)
            trades = [first.platform.books.trades(seat.account.id) for seat in lives.seats]
            positions = [actor.account.positions() for actor in first.actors]
        lives.restore(backup)
        async with lives.life(epoch=1) as second:
            assert second.platform.desk.halted == {}
            assert bare(second) == []
            assert not any(lives.naked(seat) for seat in lives.seats)
            assert [len(second.platform.books.trades(seat.account.id)) for seat in lives.seats] == [
                len(t) for t in trades
            ]
            again = [actor.account.positions() for actor in second.actors]
            assert [[p.quantity for p in each] for each in again] == [[p.quantity for p in each] for each in positions]
            expected = [state_of(actor.account) for actor in second.actors]
            await second.until(lambda: False)
            assert second.platform.desk.halted == {}
            assert not any(lives.naked(seat) for seat in lives.seats)
            lives.platform = second.platform
            outcome = await second.do(lives._outcome(lives.server))
            expected = [state_of(actor.account) for actor in second.actors]
        assert [state_of(lives.of_journal(seat)) for seat in lives.seats] == expected
        for user in outcome.users:
            assert not any(user.ledger_minus_venue.values())
        for seat in lives.seats:
            names = [order.client_id for order in lives.venue.orders(seat.credentials.key)]
            assert len(names) == len(set(names))

    tell(plan, place, story)
