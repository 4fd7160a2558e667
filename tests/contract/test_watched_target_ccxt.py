"""A target on a market whose venue holds no stop and target together: the stop rests there, the target is sold from here."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from tests.contract.test_new_terms_ccxt import stops
from tests.contract.watch_kit import BTC, ETH, World, tell, with_market
from tests.nouns import signal
from tradepool.domain.event import CandlesClosed
from tradepool.domain.market import Market
from tradepool.domain.order import Purpose
from tradepool.domain.trade import Trade
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.safety import unprotected
from tradepool.services.trading.listed_markets import LISTING_S
from tradepool.services.trading.watchdog import LOOK_S
from tradepool.simexchange.rules import Rules
from tradepool.simexchange.tls import TlsFiles

NO_PAIRS = Rules(pairs=False)


def without_pairs(world: World) -> None:
    """The market takes no lists of orders."""
    world.venue.change_filters("BTCUSDT", rules=NO_PAIRS)


async def enter(world: World, number: int = 0, market: Market = BTC, close: float = 100.0) -> None:
    """Buy at 100: a stop at 95, half to be sold at 104, the rest at 110."""
    world.tick(world.clock.now_ms() + next(world.numbers))
    now, targets = world.clock.now_ms(), {"first_target": 4.0, "second_target": 10.0, "target_share": 0.5}
    ladder = signal(market, time_ms=now, close=close, high=close, **targets)
    world.actor(number).post(CandlesClosed(time_ms=now, signals=(ladder,)))
    await world.settle()


def move(world: World, price: str) -> None:
    """The market trades there."""
    market, ticks = world.venue.market("BTCUSDT"), BTC.ticks(Decimal(price))
    market.liquidity.move(ticks)
    market.price = ticks


def held(world: World) -> Decimal:
    """What the first account has of it."""
    return sum((each.quantity for each in world.actor().account.positions()), Decimal(0))


async def met(world: World) -> Trade:
    """Both targets are reached, one after the other, each at the next look; the round trip."""
    account = world.actor().account
    whole = held(world)
    move(world, "104.5")
    took_ms = await world.until(lambda: held(world) < whole and stops(world))
    assert (took_ms <= 1_000 * LOOK_S, stops(world), unprotected(account)) == (True, [Decimal(95)], [])
    move(world, "110.5")
    assert await world.until(lambda: not held(world)) <= 1_000 * LOOK_S
    await world.settle()
    (trade,) = world.platform.books.trades(world.seats[0].account.id)
    return trade


def test_the_stop_rests_and_each_target_is_sold_within_a_look(place: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        await enter(world)
        assert (stops(world), world.refusals()) == ([Decimal(95)], [])
        start_ms = world.clock.now_ms()
        await world.until(lambda: world.clock.now_ms() >= start_ms + 30_000)
        assert stops(world) == [Decimal(95)], "below its target nothing happens"
        trade = await met(world)
        assert (trade.exit_reason, trade.exit_price > 107, world.refusals()) == (Purpose.TARGET, True, [])

    tell(story, place, files, before=without_pairs)


def test_a_restart_goes_on_watching(place: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        await enter(world)
        await world.platform.close()
        world.platform = Platform(world.platform._wiring)
        await world.platform.start()
        assert (await met(world)).exit_reason is Purpose.TARGET

    tell(story, place, files, before=without_pairs)


def test_a_restart_goes_on_watching_where_the_market_takes_pairs_by_then(place: Path, files: TlsFiles) -> None:
    """The stop rests alone until something is sold; then the rest is a pair."""

    async def story(world: World) -> None:
        await enter(world)
        await world.platform.close()
        world.venue.change_filters("BTCUSDT", rules=Rules())
        world.platform = Platform(world.platform._wiring)
        await world.platform.start()
        whole = held(world)
        move(world, "104.5")
        assert await world.until(lambda: held(world) < whole and stops(world)) <= 1_000 * LOOK_S
        assert len(world.actor().account.slots[BTC.id].guards) == len(stops(world)) == 2

    tell(story, place, files, before=without_pairs)


def test_a_market_that_takes_pairs_no_more_is_watched_from_the_refusal_on(place: Path, files: TlsFiles) -> None:
    """The pair is refused, the terms are asked for, and the stop rests alone."""

    async def story(world: World) -> None:
        without_pairs(world)
        await enter(world)
        await world.until(lambda: stops(world))
        assert set(world.refusals()) == {"venue_rejected"}
        assert (await met(world)).exit_reason is Purpose.TARGET

    tell(story, place, files)


def test_a_market_that_takes_pairs_no_more_while_nobody_orders_is_heard_of(place: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        without_pairs(world)
        await world.until(lambda: not world.actor().account.slots[BTC.id].listed.pairs, 1_000 * int(LISTING_S + 1))
        await enter(world)
        assert (stops(world), world.refusals()) == ([Decimal(95)], [])
        assert (await met(world)).exit_reason is Purpose.TARGET

    tell(story, place, files)


def test_a_sale_at_the_target_that_is_refused_is_not_tried_at_each_look(place: Path, files: TlsFiles) -> None:
    """Between two tries the position is under its stop."""

    async def story(world: World) -> None:
        await enter(world)
        world.venue.change_filters("BTCUSDT", rules=replace(NO_PAIRS, market_quantity_max=Decimal(1)))
        move(world, "104.5")
        start_ms = world.clock.now_ms()
        await world.until(lambda: world.clock.now_ms() >= start_ms + 600_000, 700_000)
        # 5, 10, 20, 40 and 60 s apart.
        assert 5 <= len(world.refusals()) <= 15
        assert await world.until(lambda: stops(world)) <= 1_000
        await world.settle()
        assert unprotected(world.actor().account) == []
        world.venue.change_filters("BTCUSDT", rules=NO_PAIRS)
        whole = held(world)
        await world.until(lambda: held(world) < whole, 70_000)

    tell(story, place, files, before=without_pairs)


def test_somebodys_delisted_market_keeps_nobody_elses_target_from_being_sold(place: Path, files: TlsFiles) -> None:
    """The venue refuses to say any price where it is asked for one that it does not know."""

    def before(world: World) -> None:
        without_pairs(world)
        world.seats[1] = with_market(world.seats[1], ETH.id)

    async def story(world: World) -> None:
        await enter(world)
        await enter(world, 1, ETH, 10.0)
        world.venue.delist("ETHUSDT")
        await world.until(lambda: world.refusals(1))
        slot = world.actor(1).account.slots[ETH.id]
        await world.until(lambda: slot.awaits_target(world.actor(1).account.orders))
        assert (await met(world)).exit_reason is Purpose.TARGET
        assert slot.held

    tell(story, place, files, before=before)
