"""A replay: the live stack, unchanged, against the simulated exchange over stored or modelled candles, in one process.

`tradepool replay` runs one user, `tradepool demo` several; parity tests and benchmarks run it too.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.users import DatabaseUsers
from tradepool.adapters.exchanges.transport import Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.core.ledger.trial_balance import ledger_minus_venue, trial_balance
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.ids import AccountId, MandateId, MarketId, StrategyId, UserId
from tradepool.domain.mandate import AT_MARKET, NO_LIMITS, EntryOrder, Limits, Mandate
from tradepool.domain.market import Market
from tradepool.domain.order import Refusal
from tradepool.domain.position import Position
from tradepool.domain.trade import Origin, Trade
from tradepool.domain.user import Account, User
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.lock_step import IdleSelector, LockStep, run_in_lock_step
from tradepool.entrypoints.wiring import Seat, Wiring
from tradepool.runtime.clock import VirtualClock
from tradepool.services.account_reads import Exposure
from tradepool.services.backoff import patiently
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.fan_out import InTurn, as_they_came
from tradepool.simexchange.door import Place, TcpPort, UnixSocket
from tradepool.simexchange.limits import Limiter
from tradepool.simexchange.limits import Limits as VenueLimits
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.scenario import CALM, Scenario
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import TlsFiles, make_tls_files
from tradepool.simexchange.venue import Venue

VENUE = "binance"
FOREVER_MS = 10**12
# In a replay whose streams go wrong, an account is read after so many bars; in any other its stream tells everything.
READ_EVERY_BARS = 8

Door = Literal["unix", "tcp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """A user of a replay: what he trades, and with how much (all of his account's cash)."""

    name: str
    strategy: Strategy
    markets: tuple[MarketId, ...]
    capital: Decimal
    weight: Decimal
    limits: Limits = NO_LIMITS
    entry: EntryOrder = AT_MARKET


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is replayed. `door` is how the platform reaches the venue; `slippage_bp`, `venue_limits` and what goes wrong
    there (`scenario`) are the venue's."""

    listings: Sequence[Listing]
    players: Sequence[Player]
    slippage_bp: int = 1
    door: Door = "unix"
    seed: int = 0
    scenario: Scenario = CALM
    venue_limits: VenueLimits | None = None
    in_turn: InTurn = as_they_came

    def __post_init__(self) -> None:
        """Raise NotYetLive before a venue is started for a strategy that could not trade on it."""
        for player in self.players:
            player.strategy.refuse_unless_live()

    @property
    def timeframe_ms(self) -> int:
        """Of all listings."""
        return self.listings[0].bars.timeframe_ms

    def seats(self) -> list[Seat]:
        """Accounts, mandates and keys, named by the seed and the seat: the same plan gives the same bytes."""
        return [self._seat(number, player) for number, player in enumerate(self.players, 1)]

    def strategies(self) -> dict[StrategyId, Strategy]:
        """The players' strategies by id."""
        return {p.strategy.strategy_id(self.timeframe_ms): p.strategy for p in self.players}

    def _seat(self, number: int, player: Player) -> Seat:
        account = AccountId(_name("account", self.seed, number))
        return Seat(
            account=Account(id=account, user=UserId(_name("user", self.seed, number)), venue=VENUE, number=number),
            mandate=Mandate(
                id=MandateId(_name("mandate", self.seed, number)),
                account=account,
                strategy_id=player.strategy.strategy_id(self.timeframe_ms),
                markets=player.markets,
                weight=player.weight,
                capital=player.capital,
                limits=player.limits,
                entry=player.entry,
            ),
            credentials=Credentials(key=_name("key", self.seed, number), secret=_name("secret", self.seed, number)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserOutcome:
    """How a user stands at the end; an open position is valued at its market's last close."""

    user: User
    account: Account
    mandate: Mandate
    trades: Sequence[Trade]
    positions: Sequence[Position]
    refusals: Sequence[Refusal]
    ledger_minus_venue: Mapping[str, Decimal]
    final_equity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a replay ended. `requests` and `frames` are the venue's counts."""

    users: Sequence[UserOutcome]
    candles: int
    requests: int
    frames: int
    orders: int
    fills: int
    halted: Mapping[AccountId, Exception]


class Replay:
    """A venue and a platform in one loop. Watch `venue.now_ms`, `platform.desk.actors` while it runs."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        """`folder` takes the database, the socket and the test authority."""
        self.plan = plan
        self.folder = folder
        self.venue = Venue(plan.listings, plan.slippage_bp)
        if plan.venue_limits is not None:
            self.venue.limiter = Limiter(plan.venue_limits)
        self.clock = VirtualClock(self.venue.now_ms)
        self.seats = plan.seats()
        for seat, player in zip(self.seats, plan.players, strict=True):
            quote = self.market(player.markets[0]).quote
            self.venue.open_account(seat.credentials.key, seat.credentials.secret, {quote: player.capital})

    def market(self, market: MarketId) -> Market:
        """A listed market."""
        return next(each.market for each in self.plan.listings if each.market.id == market)

    async def run(self, selector: IdleSelector, before_step: Callable[[Replay], bool] = lambda _: True) -> Outcome:
        """Trade from the first candle to the last. `before_step` is called before each step of the venue; returning
        False holds it back for now."""
        tls = make_tls_files(self.folder)
        place: Place = UnixSocket(str(self.folder / "v")) if self.plan.door == "unix" else TcpPort()
        self.server = server = Server(self.venue, place, tls.server_context(), self.plan.scenario, self.clock)
        place = await server.start()
        connection = open_store(self.folder / "tradepool.sqlite", "NORMAL")
        self._store_users(DatabaseUsers(connection))
        self.platform = Platform(self._wiring(connection_of(place, tls), connection))
        try:
            loop = LockStep(selector, self.clock, lambda: self.platform.desk.busy)
            await loop.wait_for(self.platform.start(), self.venue)
            await loop.run(self.venue, lambda: before_step(self))
            # The last bar's walk may have shown nobody anything: read the venue's time before signing with ours.
            await loop.wait_for(patiently(self.clock, self.platform.feed.time_ms), self.venue)
            outcome = await loop.wait_for(self._outcome(server), self.venue)
            await self.platform.stop()
            return outcome
        finally:
            await self.platform.close()
            await server.stop()
            dispose(connection)

    def _wiring(self, transport: Transport, connection: Connection) -> Wiring:
        every_ms = READ_EVERY_BARS * self.plan.timeframe_ms
        return Wiring(
            venue=VENUE,
            timeframe_ms=self.plan.timeframe_ms,
            transport=transport,
            clock=self.clock,
            connection=connection,
            strategies=self.plan.strategies(),
            seats=self.seats,
            origin=Origin.PRACTICE,
            on_time=lambda time_ms: self.clock.advance_to(max(time_ms, self.clock.now_ms())),
            keep_alive_ms=FOREVER_MS,
            in_turn=self.plan.in_turn,
            read_every_ms=dict.fromkeys(Exposure, every_ms) if self.plan.scenario.faults else None,
        )

    def _store_users(self, users: DatabaseUsers) -> None:
        if not users.users():
            for seat, player in zip(self.seats, self.plan.players, strict=True):
                users.add(User(id=seat.account.user, name=player.name), seat.account, seat.mandate)

    async def _outcome(self, server: Server) -> Outcome:
        users = [await self._user(seat, player) for seat, player in zip(self.seats, self.plan.players, strict=True)]
        keys = [seat.credentials.key for seat in self.seats]
        return Outcome(
            users=users,
            candles=self.platform.market_data.candles,
            requests=server.requests,
            frames=server.frames,
            orders=sum(len(self.venue.orders(key)) for key in keys),
            fills=sum(len(self.venue.trades(key)) for key in keys),
            halted=self.platform.desk.halted,
        )

    async def _user(self, seat: Seat, player: Player) -> UserOutcome:
        books, actor = self.platform.books, self.platform.actor(seat.account.id)
        totals = trial_balance(books.transfers(seat.account.id))
        return UserOutcome(
            user=User(id=seat.account.user, name=player.name),
            account=seat.account,
            mandate=seat.mandate,
            trades=books.trades(seat.account.id),
            positions=actor.account.positions(),
            refusals=books.refusals(seat.account.id),
            ledger_minus_venue=ledger_minus_venue(totals, await patiently(self.clock, actor.gateway.balances)),
            final_equity=self._final_equity(actor),
        )

    def _final_equity(self, actor: AccountActor) -> Decimal:
        for listing in self.plan.listings:
            if listing.market.id in actor.account.slots:
                actor.account.mark(listing.market.id, float(listing.bars.close[-1]))
        return actor.account.equity_units() * actor.account.quote_unit


def connection_of(place: Place, tls: TlsFiles) -> Transport:
    """How a platform reaches a simulated exchange that listens there."""
    if isinstance(place, UnixSocket):
        return Transport(ca_file=tls.ca_file, unix_socket=Path(place.path))
    return Transport(ca_file=tls.ca_file, loopback_port=place.port)


def _name(kind: str, seed: int, number: int) -> str:
    return hashlib.sha256(f"{kind} {seed} {number}".encode()).hexdigest()[:32]


def on_our_venue(listing: Listing) -> Listing:
    """The same market and candles, listed at the simulated exchange that speaks as the real venue does."""
    return replace(listing, market=replace(listing.market, venue=VENUE))


def replay(plan: Plan, before_step: Callable[[Replay], bool] = lambda _: True) -> Outcome:
    """Run a plan from start to end in a folder of its own, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tradepool-"))
    try:
        return run_in_lock_step(lambda selector: Replay(plan, folder).run(selector, before_step))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
