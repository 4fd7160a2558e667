"""A venue changes a market's rules while accounts trade there: they hear of it at once and order by the new ones."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from tests.contract.watch_kit import BTC, World, tell
from tests.nouns import signal
from tradepool.domain.event import CandlesClosed, TermsSeen
from tradepool.services.trading.listed_markets import AGAIN_S, LISTING_S
from tradepool.simexchange.market_control import MarketControl
from tradepool.simexchange.records import Status
from tradepool.simexchange.tls import TlsFiles


def control(world: World, **filters: str) -> None:
    """What the control door does with POST /markets/filters."""
    MarketControl(world.venue).table["POST", "/markets/filters"](json.dumps({"symbol": "BTCUSDT"} | filters).encode())


def heard(world: World, number: int = 0) -> list[TermsSeen]:
    """The terms an account heard of while it traded."""
    return [event for event in world.events(number) if isinstance(event, TermsSeen) and event.anew]


def stops(world: World) -> list[Decimal]:
    """What rests at the venue, in quote."""
    resting = [order for order in world.venue.orders(world.key()) if order.status is Status.NEW]
    return [order.stop_ticks * BTC.price_tick for order in resting]


def test_a_stop_refused_for_a_new_tick_is_made_anew_on_it_at_once(place: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        await world.enter()
        assert (stops(world), heard(world)) == ([Decimal(95)], [])
        world.tick(world.clock.now_ms() + int(1_000 * AGAIN_S))
        control(world, price_tick="0.1", quantity_step="0.01")
        # The stop is moved: taken from the book, and on the old tick the venue will not have it.
        now = world.clock.now_ms()
        moved = signal(BTC, time_ms=now, close=100.0, high=101.03, previous_exposure=1.0, trail_distance=5.0)
        world.actor().post(CandlesClosed(time_ms=now, signals=(moved,)))
        await world.settle()
        assert world.refusals() == ["venue_rejected"]
        assert stops(world) == [Decimal("96.1")]
        (terms,) = heard(world)
        assert [(m.id, m.price_tick, m.quantity_step) for m in terms.markets] == [
            (BTC.id, Decimal("0.1"), Decimal("0.01"))
        ]
        # The other account, which sent nothing, knows too, and enters in the new steps.
        assert len(heard(world, 1)) == 1
        await world.enter(1)
        (entry, stop) = world.venue.orders(world.key(1))
        assert (entry.filled_steps % 10, stop.stop_ticks % 10) == (0, 0)
        assert world.platform.desk.halted == {}

    tell(story, place, files)


def test_terms_that_nobody_ran_into_are_heard_at_the_next_look(place: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        control(world, notional_min="20")
        took_ms = await world.until(lambda: heard(world), 1_000 * int(LISTING_S + 1))
        assert took_ms <= 1_000 * LISTING_S
        assert world.actor().account.slots[BTC.id].listed.notional_min == 20
        # And is no news at the one after it.
        world.tick(world.clock.now_ms() + int(1_000 * LISTING_S))
        await world.settle()
        assert len(heard(world)) == 1

    tell(story, place, files)
