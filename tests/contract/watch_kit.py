"""A whole platform beside a simulated venue on virtual time that passes only while nobody has anything to do.

Unlike a replay, the platform keeps its own clock, as a live one does: `skew_ms` is how far the venue's is ahead of it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.nouns import signal
from tests.simexchange.exchange_kit import MINUTE, bars, flat, market
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.core.strategies import catalog
from tradepool.domain.event import CandlesClosed, Event, MandateChanged
from tradepool.domain.ids import MarketId
from tradepool.domain.mandate import EntryOrder
from tradepool.domain.trade import Origin
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.entrypoints.replay import VENUE, Plan, Player, connection_of
from tradepool.entrypoints.wiring import Seat, Wiring
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading.account_actor import AccountActor
from tradepool.simexchange.codecs.binance.gate import NO_ADDRESS
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.keys import Permissions
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.server import Server, SocketLink
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

CASH = Decimal(10_000)
SAFE = Permissions(addresses=(NO_ADDRESS,))
BTC, ETH = market("BTC"), market("ETH")
PRICES = {"BTC": 100.0, "ETH": 10.0}
# A start that asks again and again is over by then.
START_MS = 10 * MINUTE


@dataclass
class World:
    """A venue, a platform and their clocks. `changes` go into the wiring, `skew_ms` may grow by `drift_ppm`."""

    folder: Path
    selector: IdleSelector
    server: Server
    venue: Venue
    clock: VirtualClock
    seats: list[Seat]
    platform: Platform
    skew_ms: int = 0
    drift_ppm: int = 0
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def tick(self, now_ms: int) -> None:
        """Let time go on, here and at the venue."""
        passed_ms = now_ms - self.clock.now_ms()
        self.skew_ms += passed_ms * self.drift_ppm // 1_000_000
        self.venue.now_ms = now_ms + self.skew_ms
        self.clock.advance_to(now_ms)

    async def until(self, done: Callable[[], object], within_ms: int = 60_000) -> int:
        """Let time pass until something is true; how long it took. It fails after so much virtual time."""
        start_ms, reached = self.clock.now_ms(), asyncio.get_running_loop().create_future()

        def on_idle() -> bool:
            if reached.done():
                return False
            wake_ms = self.clock.next_wake_ms()
            if done():
                reached.set_result(None)
            elif wake_ms is None or wake_ms - start_ms > within_ms:
                reached.set_exception(AssertionError(f"not within {within_ms} ms"))
            else:
                self.tick(max(wake_ms, self.clock.now_ms()))
            return True

        self.selector.on_idle = on_idle
        try:
            await reached
        finally:
            self.selector.on_idle = None
        return self.clock.now_ms() - start_ms

    async def settle(self) -> None:
        """Until nobody has anything to do at this moment."""
        await self.until(lambda: True)

    def actor(self, number: int = 0) -> AccountActor:
        """An account at work."""
        return self.platform.actor(self.seats[number].account.id)

    def links(self, number: int = 0) -> list[tuple[SocketLink, int]]:
        """The connections that carry an account's user stream, and its subscription there."""
        return [(link, n) for link in self.server.links for n, key in link.accounts.items() if key == self.key(number)]

    def key(self, number: int = 0) -> str:
        """The name of a seat's key."""
        return self.seats[number].credentials.key

    def enters_by(self, entry: EntryOrder, number: int = 0) -> None:
        """An account's entries are ordered so from now on."""
        actor = self.actor(number)
        mandate = replace(actor.account.mandate, entry=entry)
        actor.handle(MandateChanged(time_ms=self.clock.now_ms(), mandate=mandate))

    async def enter(self, number: int = 0) -> None:
        """A candle closes and the strategy enters, with a stop 5 below."""
        self.tick(self.clock.now_ms() + next(self.numbers))
        now = self.clock.now_ms()
        wish = signal(BTC, time_ms=now, close=100.0, high=100.0)
        self.actor(number).post(CandlesClosed(time_ms=now, signals=(wish,)))
        await self.settle()

    def events(self, number: int = 0) -> list[Event]:
        """What the journal holds of an account."""
        return [event for _, _, event in self.platform.journal.read(self.seats[number].account.id)]

    def refusals(self, number: int = 0) -> list[str]:
        """Why its wishes were not carried out."""
        return [each.reason for each in self.platform.books.refusals(self.seats[number].account.id)]

    def orders(self, number: int = 0) -> list[str]:
        """Kinds and states of its orders at the venue."""
        return [f"{order.kind.name} {order.status.name}" for order in self.venue.orders(self.key(number))]


Story = Callable[[World], Awaitable[None]]


def tell(
    story: Story,
    folder: Path,
    files: TlsFiles,
    *,
    before: Callable[[World], None] = lambda world: None,
    rights: Mapping[int, Permissions] | None = None,
    **changes: object,
) -> None:
    """Tell a story of two users whose platform has started; `before` may change things before it does."""

    async def run(selector: IdleSelector) -> None:
        listings = [Listing(each, bars(flat(30, PRICES[each.base]))) for each in (BTC, ETH)]
        strategy = catalog.named("moving_average_cross")
        players = [
            Player(name=n, strategy=strategy, markets=(BTC.id,), capital=CASH, weight=Decimal("0.4")) for n in "ab"
        ]
        plan = Plan(listings=listings, players=players)
        venue, seats = Venue(listings, 0), plan.seats()
        for number, seat in enumerate(seats):
            venue.open_account(seat.credentials.key, seat.credentials.secret, {"USDT": CASH, "BTC": Decimal(1)})
            venue.keys.allow(seat.credentials.key, (rights or {}).get(number, SAFE))
        server = Server(venue, UnixSocket(str(folder / "v")), files.server_context())
        place = await server.start()
        clock, connection = VirtualClock(venue.now_ms), open_store(folder / "t.sqlite", "NORMAL")
        wiring = Wiring(
            venue=VENUE,
            timeframe_ms=MINUTE,
            transport=connection_of(place, files),
            clock=clock,
            connection=connection,
            strategies=plan.strategies(),
            seats=seats,
            origin=Origin.PRACTICE,
            keep_alive_ms=10**12,
            watched=True,
        )
        world = World(folder, selector, server, venue, clock, seats, Platform(replace(wiring, **changes)))  # type: ignore[arg-type]
        before(world)
        try:
            starting = asyncio.ensure_future(world.platform.start())
            await world.until(starting.done, START_MS)
            await starting
            await world.settle()
            await story(world)
        finally:
            await world.platform.close()
            await server.stop()
            dispose(connection)

    run_in_lock_step(run)


def with_market(seat: Seat, market_id: str) -> Seat:
    """The same seat, with a mandate for this market."""
    return replace(seat, mandate=replace(seat.mandate, markets=(MarketId(market_id),)))
