"""A venue changes a market's rules, or halts it, while accounts trade there: they hear of it at once and order anew."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.contract.watch_kit import BTC, World, tell
from tests.nouns import signal
from tradepool.domain.event import CandlesClosed, TermsSeen
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.safety import unprotected
from tradepool.services.trading.listed_markets import AGAIN, LISTING_S, LOOK_S
from tradepool.simexchange.market_control import MarketControl
from tradepool.simexchange.records import Status
from tradepool.simexchange.rules import Rules
from tradepool.simexchange.tls import TlsFiles, make_tls_files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("w")


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
        world.tick(world.clock.now_ms() + int(1_000 * LOOK_S))
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


def test_a_stop_refused_while_the_market_was_halted_is_made_again_when_it_trades(place: Path, files: TlsFiles) -> None:
    """The trailing stop is taken from the book, and its successor refused: no candle is waited for."""

    async def story(world: World) -> None:
        await world.enter()
        assert stops(world) == [Decimal(95)]
        # Not seen yet by a look: the stop is moved in good faith.
        world.tick(world.clock.now_ms() + 1_000)
        world.venue.set_status("BTCUSDT", "BREAK")
        now = world.clock.now_ms()
        moved = signal(BTC, time_ms=now, close=100.0, high=101.0, previous_exposure=1.0, trail_distance=5.0)
        world.actor().post(CandlesClosed(time_ms=now, signals=(moved,)))
        await world.settle()
        account = world.actor().account
        assert (stops(world), world.refusals(), unprotected(account)) == ([], ["venue_rejected"], [BTC.id])
        await world.until(lambda: world.clock.now_ms() >= now + 40_000)
        assert world.refusals() == ["venue_rejected"], "it is not asked of a market that is known to be halted"
        world.venue.set_status("BTCUSDT", "TRADING")
        took_ms = await world.until(lambda: stops(world))
        assert (stops(world), took_ms <= 1_000 * LOOK_S, len(heard(world))) == ([Decimal(96)], True, 1)
        await world.settle()
        assert unprotected(account) == []

    tell(story, place, files)


def test_a_market_that_trades_and_goes_on_refusing_a_stop_is_asked_ever_more_slowly(
    place: Path, files: TlsFiles
) -> None:
    async def story(world: World) -> None:
        await world.enter()
        world.tick(world.clock.now_ms() + 1_000)
        world.venue.change_filters("BTCUSDT", rules=Rules(stops_max=0))
        now = world.clock.now_ms()
        moved = signal(BTC, time_ms=now, close=100.0, high=101.0, previous_exposure=1.0, trail_distance=5.0)
        world.actor().post(CandlesClosed(time_ms=now, signals=(moved,)))
        await world.until(lambda: world.clock.now_ms() >= now + 600_000, 700_000)
        # 0, 5, 10, 20, 40 and 60 s apart.
        assert 10 <= len(world.refusals()) <= 15
        world.venue.change_filters("BTCUSDT", rules=Rules())
        assert await world.until(lambda: stops(world), 70_000) <= 1_000 * (AGAIN.max_s + LOOK_S)

    tell(story, place, files)


def test_what_was_refused_before_a_restart_is_made_again_after_it(place: Path, files: TlsFiles) -> None:
    """The refusal is in the journal; nobody hears of it again, and no candle closes."""

    async def story(world: World) -> None:
        await world.enter()
        world.tick(world.clock.now_ms() + 1_000)
        world.venue.set_status("BTCUSDT", "BREAK")
        now = world.clock.now_ms()
        moved = signal(BTC, time_ms=now, close=100.0, high=101.0, previous_exposure=1.0, trail_distance=5.0)
        world.actor().post(CandlesClosed(time_ms=now, signals=(moved,)))
        await world.settle()
        assert (stops(world), unprotected(world.actor().account)) == ([], [BTC.id])
        await world.platform.close()
        world.venue.set_status("BTCUSDT", "TRADING")
        world.platform = Platform(replace(world.platform._wiring))
        await world.platform.start()
        took_ms = await world.until(lambda: stops(world), 20_000)
        assert (stops(world), took_ms <= 1_000 * LOOK_S) == ([Decimal(96)], True)

    tell(story, place, files)
