"""The venue changes its fees and grids between two lives: the journal still replays to the same state, bit by bit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import Series
from tests.whole.lives import Lives, bare, held, state_of, tell
from tests.whole.test_faults import NAMES, place, player
from tests.whole.test_parity import WEIGHT, listing_of
from tradepool.domain.mandate import Limits
from tradepool.entrypoints.replay import Plan
from tradepool.simexchange.accounts import FeePlan

__all__ = ["place"]

BARS, EACH = 600, 120


@pytest.fixture(scope="module")
def plan(series: Series) -> Plan:
    """Three users of one market."""
    listing = listing_of(series("BINANCE-BTC-USDT-5m"), BARS)
    return Plan(listings=[listing], players=[player(name, [listing], WEIGHT) for name in NAMES])


def dearer(lives: Lives) -> None:
    """Twice the fees, other least amounts, ticks and steps ten times as large."""
    market = lives.plan.listings[0].market
    changed = replace(
        market,
        price_tick=market.price_tick * 10,
        quantity_step=market.quantity_step * 10,
        quantity_min=market.quantity_step * 100,
        notional_min=Decimal(20),
    )
    lives.venue.change_filters(market.base + market.quote, changed)
    for seat in lives.seats:
        lives.venue.account(seat.credentials.key).fees = FeePlan(maker_ppm=2_000, taker_ppm=2_000)


def test_terms_that_change_between_two_lives_replay(plan: Plan, place: Path) -> None:
    """Killed while positions are open; the venue's fees and grid are others; then the mandates are. Each life ends as its
    journal has it, what is held is protected and sold, the books are the venue's."""

    async def story(lives: Lives) -> None:
        async with lives.life() as first:
            await first.until(lambda: held(first) >= 2 and first.platform.market_data.candles > EACH)
            expected = [state_of(actor.account) for actor in first.actors]
        assert [state_of(lives.of_journal(seat)) for seat in lives.seats] == expected
        dearer(lives)
        async with lives.life() as second:
            assert held(second) >= 2
            assert bare(second) == []
            await second.bars(EACH)
            for actor in second.actors:
                slot = next(iter(actor.account.slots.values()))
                assert slot.lot == 10
                assert slot.market.fees.taker_rate == Decimal("0.002")
            expected = [state_of(actor.account) for actor in second.actors]
        assert [state_of(lives.of_journal(seat)) for seat in lives.seats] == expected
        lives.seats = [
            replace(
                seat,
                mandate=replace(
                    seat.mandate,
                    capital=Decimal(8_000),
                    weight=Decimal("0.3"),
                    limits=Limits(daily_loss_max=Decimal("0.2")),
                ),
            )
            for seat in lives.seats
        ]
        async with lives.life() as third:
            await third.until(lambda: False)
            expected = [state_of(actor.account) for actor in third.actors]
            for seat, actor in zip(lives.seats, third.actors, strict=True):
                assert not lives.naked(seat)
                assert actor.account.mandate.capital == 8_000
                assert len(third.platform.books.trades(seat.account.id)) > 3
            assert third.platform.desk.halted == {}
            lives.platform = third.platform
            outcome = await third.do(lives._outcome(lives.server))
        assert [state_of(lives.of_journal(seat)) for seat in lives.seats] == expected
        for user in outcome.users:
            assert not any(user.ledger_minus_venue.values())

    tell(plan, place, story)
