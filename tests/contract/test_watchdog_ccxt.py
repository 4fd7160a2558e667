"""What the venue will not protect, the local watchdog looks after: asked for again, and sold where the stop was passed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

from tests.contract.test_new_terms_ccxt import heard, stops
from tests.contract.watch_kit import BTC, World, tell
from tests.nouns import signal
from tradepool.domain.event import CandlesClosed
from tradepool.domain.order import Purpose
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.safety import unprotected
from tradepool.services.trading.watchdog import AGAIN, LOOK_S
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.rules import Rules
from tradepool.simexchange.tls import TlsFiles


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


def test_what_the_venue_gives_no_stop_is_sold_where_its_stop_would_have_been(place: Path, files: TlsFiles) -> None:
    """The price passes the level between two tries; a price above it sells nothing."""

    async def story(world: World) -> None:
        await world.enter()
        world.tick(world.clock.now_ms() + 1_000)
        world.venue.change_filters("BTCUSDT", rules=Rules(stops_max=0))
        now = world.clock.now_ms()
        moved = signal(BTC, time_ms=now, close=100.0, high=101.0, previous_exposure=1.0, trail_distance=5.0)
        world.actor().post(CandlesClosed(time_ms=now, signals=(moved,)))
        await world.until(lambda: world.clock.now_ms() >= now + 200_000, 300_000)
        assert world.actor().account.positions()
        market, ticks = world.venue.market("BTCUSDT"), BTC.ticks(Decimal("95.99"))
        market.liquidity.move(ticks)
        market.price = ticks
        tries = len(world.refusals())
        took_ms = await world.until(lambda: not world.actor().account.positions(), 70_000)
        (trade,) = world.platform.books.trades(world.seats[0].account.id)
        assert (trade.exit_reason, trade.exit_price <= Decimal("95.99")) == (Purpose.TRAILING, True)
        assert (took_ms <= 1_000 * LOOK_S, len(world.refusals())) == (True, tries)

    tell(story, place, files)


def test_a_sale_that_the_venue_refuses_is_not_tried_at_each_look(place: Path, files: TlsFiles) -> None:
    """It takes neither a stop nor so much at market: each try is a refusal in the books."""

    async def story(world: World) -> None:
        await world.enter()
        world.tick(world.clock.now_ms() + 1_000)
        world.venue.change_filters("BTCUSDT", rules=Rules(stops_max=0, market_quantity_max=Decimal(1)))
        now = world.clock.now_ms()
        moved = signal(BTC, time_ms=now, close=100.0, high=101.0, previous_exposure=1.0, trail_distance=5.0)
        world.actor().post(CandlesClosed(time_ms=now, signals=(moved,)))
        await world.settle()
        market, ticks = world.venue.market("BTCUSDT"), BTC.ticks(Decimal("95.99"))
        market.liquidity.move(ticks)
        market.price = ticks
        await world.until(lambda: world.clock.now_ms() >= now + 600_000, 700_000)
        # Asked for as a stop that is refused is: 0, 5, 10, 20, 40 and 60 s apart.
        assert 5 <= len(world.refusals()) <= 20
        world.venue.change_filters("BTCUSDT", rules=Rules(stops_max=0))
        took_ms = await world.until(lambda: not world.actor().account.positions(), 70_000)
        assert took_ms <= 1_000 * (AGAIN.max_s + LOOK_S)

    tell(story, place, files)


def test_a_venue_that_tells_no_prices_is_asked_for_the_stop_all_the_same(place: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        await world.enter()
        world.tick(world.clock.now_ms() + 1_000)
        world.venue.set_status("BTCUSDT", "BREAK")
        world.server.faults.add(Fault(kind="status", status=500, route="GET /api/v3/ticker/price"), world.venue.now_ms)
        now = world.clock.now_ms()
        moved = signal(BTC, time_ms=now, close=100.0, high=101.0, previous_exposure=1.0, trail_distance=5.0)
        world.actor().post(CandlesClosed(time_ms=now, signals=(moved,)))
        await world.settle()
        world.venue.set_status("BTCUSDT", "TRADING")
        assert await world.until(lambda: stops(world), 20_000) <= 1_000 * LOOK_S

    tell(story, place, files)


def test_what_was_refused_before_a_restart_is_made_again_after_it(place: Path, files: TlsFiles) -> None:
    """The refusal is in the journal; nobody hears of it again, and no candle closes."""
    tell(partial(refused_before_a_restart, slow=False), place, files)


def test_what_was_refused_before_a_restart_waits_for_no_account_that_is_not_up_yet(
    place: Path, files: TlsFiles
) -> None:
    """Its own balances can't be read for half a minute: its stop is made without them."""
    tell(partial(refused_before_a_restart, slow=True), place, files)


async def refused_before_a_restart(world: World, *, slow: bool) -> None:
    """A stop that the venue refuses, a restart, and the market trades again."""
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
    if slow:
        fault = Fault(kind="status", status=503, route="GET /api/v3/account", account=world.key(), until_ms=30_000)
        world.server.faults.add(fault, world.venue.now_ms)
    world.platform = Platform(replace(world.platform._wiring, beside=slow))
    await world.platform.start()
    took_ms = await world.until(lambda: stops(world), 20_000)
    assert (stops(world), took_ms <= 1_000 * LOOK_S) == ([Decimal(96)], True)
    assert (world.seats[0].account.id in world.platform.desk.up) == (not slow)
