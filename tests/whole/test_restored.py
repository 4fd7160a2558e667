"""A backup that is an hour old, and two instances on one account: nothing is unprotected, nothing is doubled."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import Series
from tests.whole.lives import Lives, Until, bare, held, state_of, tell
from tests.whole.test_faults import NAMES, place, player
from tests.whole.test_parity import CASH, WEIGHT, listing_of
from tradepool.entrypoints.lock_step import LockStep
from tradepool.entrypoints.replay import Plan
from tradepool.entrypoints.wiring import Seat
from tradepool.services.trading.account_actor import AnotherInstance

__all__ = ["place"]

BARS, HOUR_BARS = 700, 12


@pytest.fixture(scope="module")
def plan(series: Series, long: bool) -> Plan:
    """Users of two strategies on one market."""
    listing = listing_of(series("BINANCE-BTC-USDT-5m"), BARS)
    names = [NAMES[number % len(NAMES)] for number in range(40 if long else 16)]
    return Plan(listings=[listing], players=[player(name, [listing], WEIGHT) for name in names])


@pytest.mark.parametrize("hours", [1, 5])
def test_a_backup_of_an_hour_ago_is_made_whole_by_the_venue(plan: Plan, place: Path, hours: int) -> None:
    """Half of the positions are open then or now; those that were opened, closed and re-levelled since are taken over as the
    venue has them, fills of the lost time are booked, the journal replays, and trading goes on with nothing doubled."""

    async def story(lives: Lives) -> None:
        async with lives.life() as first:
            await first.until(lambda: held(first) >= len(lives.seats) // 2 and first.platform.market_data.candles > 300)
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


def test_two_instances_on_one_account_double_nothing(plan: Plan, place: Path) -> None:
    """The first goes on while a second one is started from its backup, with entries halted as a restore does: each of
    the first's accounts stops by name when it sees an order of the newer instance, no position is ever larger than one
    entry or without its stop, and the second one alone trades on when it may enter again.

    Of two exits the venue takes the first's alone; what it sees of the second is a stop that both of them move. How soon
    there is one lies with the prices."""

    players = [replace(each, weight=Decimal("0.3")) for each in plan.players]
    plan = replace(plan, players=players)

    async def story(lives: Lives) -> None:
        may_enter = ["halted"]
        async with lives.life() as first:
            await first.until(lambda: held(first) >= len(lives.seats) // 2 and first.platform.market_data.candles > 250)
            copy = lives.backup("copy.sqlite")
            await first.bars(3)
            async with lives.life(epoch=1, database=copy, may_enter=lambda request: may_enter[0]) as second:
                assert second.platform.desk.halted == {}
                assert held(second) == held(first)
                both = LockStep(
                    lives.selector, lives.clock, lambda: first.platform.desk.busy + second.platform.desk.busy
                )
                end_ms = lives.venue.now_ms + 150 * plan.timeframe_ms
                naked = doubled = 0

                def done() -> bool:
                    nonlocal naked, doubled
                    naked += sum(lives.naked(seat) for seat in lives.seats)
                    doubled += sum(worth(lives, seat) > CASH / 2 for seat in lives.seats)
                    return lives.venue.now_ms >= end_ms and len(first.platform.desk.halted) >= len(lives.seats) // 2

                await both.run(Until(lives.venue, done))
                assert (naked, doubled) == (0, 0)
                halted = first.platform.desk.halted
                assert len(halted) >= len(lives.seats) // 2
                assert {type(error) for error in halted.values()} == {AnotherInstance}
                assert second.platform.desk.halted == {}
                await first.platform.close()
                may_enter[0] = ""
                await second.until(lambda: False)
                assert second.platform.desk.halted == {}
                lives.platform = second.platform
                outcome = await second.do(lives._outcome(lives.server))
        for user in outcome.users:
            assert not any(user.ledger_minus_venue.values())

    tell(plan, place, story)


def worth(lives: Lives, seat: Seat) -> Decimal:
    """What an account's coins are worth at the venue now, in its quote."""
    market = lives.plan.listings[0].market
    listed = lives.venue.market(market.base + market.quote)
    return sum(lives.venue.balances(seat.credentials.key)[market.base], Decimal(0)) * market.price(listed.price or 0)
