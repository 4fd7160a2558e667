"""A venue that streams nothing of accounts, while its REST interface answers: exits go on, entries wait, people are told."""

from __future__ import annotations

from pathlib import Path

from tests.contract.test_new_terms_ccxt import stops
from tests.contract.watch_kit import BTC, World, tell
from tests.nouns import signal
from tradepool.domain.by_hand import FlattenAsked
from tradepool.domain.event import CandlesClosed
from tradepool.domain.order import Purpose
from tradepool.services.trading.account_feed import ANSWER_S
from tradepool.services.trading.desk import STREAM_WAIT_S
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.tls import TlsFiles

DOWN = Fault(kind="code", code=-1001, route="WS userDataStream.*")
# The stop is taken back, its end heard by asking, and then that of the sale.
SOLD_MS = int(1_000 * (STREAM_WAIT_S + 3 * ANSWER_S))


async def streamless(world: World) -> None:
    """The streams break, and can't be opened again."""
    world.server.faults.add(DOWN, world.venue.now_ms)
    for link, _ in [*world.links(0), *world.links(1)]:
        link.drop()
    await world.until(lambda: not world.actor().account.listening)
    start_ms = world.clock.now_ms()
    await world.until(lambda: world.clock.now_ms() >= start_ms + 1_000 * STREAM_WAIT_S)


async def restored(world: World) -> None:
    """The venue streams again."""
    world.server.faults.clear()
    await world.until(lambda: world.actor().account.listening, 90_000)
    await world.until(lambda: not world.platform.desk.streamless, 90_000)


def test_what_a_person_wants_sold_is_sold_without_a_stream(place: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        await world.enter()
        await streamless(world)
        account = world.actor().account
        world.actor().post(FlattenAsked(time_ms=world.clock.now_ms(), markets=(BTC.id,)))
        await world.until(lambda: not account.positions(), SOLD_MS)
        assert not account.listening
        (trade,) = world.platform.books.trades(account.account.id)
        assert trade.exit_reason is Purpose.FLATTEN
        await restored(world)
        await world.enter()
        assert (stops(world) != [], world.platform.desk.halted) == (True, {})

    tell(story, place, files)


def test_a_strategy_leaves_without_a_stream_and_enters_with_one(place: Path, files: TlsFiles) -> None:
    """Its stop is moved, too. An entry's fills would not be heard: it is refused by name."""

    async def story(world: World) -> None:
        await world.enter()
        await streamless(world)
        account, now = world.actor().account, world.clock.now_ms()
        moved = signal(BTC, time_ms=now, close=100.0, high=101.0, previous_exposure=1.0, trail_distance=5.0)
        world.actor().post(CandlesClosed(time_ms=now, signals=(moved,)))
        await world.until(lambda: [float(each) for each in stops(world)] == [96.0], SOLD_MS)
        world.tick(world.clock.now_ms() + 1)
        now = world.clock.now_ms()
        gone = signal(BTC, time_ms=now, close=100.0, high=100.0, exposure=0.0, previous_exposure=1.0)
        world.actor().post(CandlesClosed(time_ms=now, signals=(gone,)))
        await world.until(lambda: not account.positions(), SOLD_MS)
        world.tick(world.clock.now_ms() + 1)
        now = world.clock.now_ms()
        wish = signal(BTC, time_ms=now, close=100.0, high=100.0)
        world.actor().post(CandlesClosed(time_ms=now, signals=(wish,)))
        await world.settle()
        assert (world.refusals(), account.positions()) == (["stream_down"], [])
        await restored(world)

    tell(story, place, files)


def test_a_stream_that_is_back_soon_costs_no_entry(place: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        for link, _ in world.links():
            link.drop()
        await world.until(lambda: not world.actor().account.listening)
        world.tick(world.clock.now_ms() + 1)
        now = world.clock.now_ms()
        wish = signal(BTC, time_ms=now, close=100.0, high=100.0)
        world.actor().post(CandlesClosed(time_ms=now, signals=(wish,)))
        await world.until(lambda: world.actor().account.listening)
        await world.settle()
        assert (world.refusals(), len(world.actor().account.positions())) == ([], 1)

    tell(story, place, files)


def test_a_stream_that_breaks_again_while_it_is_mended_is_mended_again(place: Path, files: TlsFiles) -> None:
    """What it did not tell between is booked."""

    async def story(world: World) -> None:
        await world.enter()
        await streamless(world)
        world.actor().lost("and once more")
        await world.settle()
        await restored(world)
        assert world.links()
        await world.enter(1)
        assert world.platform.desk.halted == {}

    tell(story, place, files)
