"""Wiring: the only place that builds concrete things.

A `Platform` is everything between a venue's front door and the store. It does not know whether the venue is a real
exchange, or our own stepped by whoever owns the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import replace
from functools import partial

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.ccxt_gateway import CcxtGateway
from tradepool.adapters.exchanges.rate_limits import limits_of
from tradepool.adapters.exchanges.transport import Session
from tradepool.adapters.exchanges.venues import facts_of
from tradepool.core.account.account import Account
from tradepool.core.compiler.runners import why_not_native
from tradepool.core.risk.suspension import Suspensions, Trouble
from tradepool.core.risk.symbols import likely, listed_market
from tradepool.domain.denial import Denial
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId, MarketId, StrategyId
from tradepool.domain.market import Market
from tradepool.domain.order import OrderRequest, Side
from tradepool.domain.signal import Signal
from tradepool.entrypoints.wiring import Seat, Wiring
from tradepool.ports.candles import CandleStore
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import AccountGateway
from tradepool.ports.journal import Journal
from tradepool.ports.weights import WeightBroker
from tradepool.runtime import telemetry
from tradepool.runtime.egress import sealed
from tradepool.runtime.supervise import Supervisor, guard
from tradepool.runtime.throttle import Throttle
from tradepool.services.account_reads import EVERY_MS
from tradepool.services.backoff import Pace, patiently, unanswered
from tradepool.services.candle_record import CandleRecord
from tradepool.services.market_data import MarketData
from tradepool.services.market_health import look_at_data
from tradepool.services.reader import source_of
from tradepool.services.trading import recovery
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.desk import ENTRY_MAX_AGE_BARS, TradingDesk
from tradepool.services.trading.entry_gate import EntryGate
from tradepool.services.trading.flow_desk import FlowDesk
from tradepool.services.trading.listed_markets import ListedMarkets
from tradepool.services.trading.risk_desk import RiskDesk
from tradepool.services.trading.sender import Sender, StillStarting
from tradepool.services.trading.starting import Starting
from tradepool.services.trading.together import Together
from tradepool.services.trading.watch import KeyCheck, Watch
from tradepool.services.trading.watchdog import Watchdog
from tradepool.services.venue_clock import VenueClock

# An account that may hold something does not wait long before it comes up.
KEY_PACE = Pace(0.5, 2.0, 4)

log = telemetry.logger(__name__)


class OtherMarketMissing(InvalidInput):
    """Strategy {strategy} reads {symbol}, which {venue} does not trade; let it read one of its markets: {known}."""


class Platform:
    """A deployment's trading side; `start` returns when it is ready to trade."""

    def __init__(self, wiring: Wiring) -> None:
        """Nothing is connected before `start`."""
        self._wiring = wiring
        self.journal: Journal = wiring.journal or DatabaseJournal(wiring.connection)
        self.books = DatabaseBooks(wiring.connection)
        every_ms = wiring.read_every_ms or (EVERY_MS if wiring.watched else None)
        self.desk = TradingDesk(wiring.clock, self.journal, wiring.timeframe_ms, every_ms)
        self.desk.look_at_key = self._look_at_key if wiring.watched else None
        self._others: dict[StrategyId, Sequence[Market]] = {}
        self._closing: list[Callable[[], Awaitable[None]]] = []
        self._alarms: list[TradepoolError] = []
        self.keys: dict[AccountId, KeyCheck] = {}
        self._gateways: list[AccountGateway] = []
        self.risk: RiskDesk | None = None
        self.flows: FlowDesk | None = None
        self._supervisor = Supervisor()

    async def start(self) -> None:
        """Connect, recover, subscribe."""
        w = self._wiring
        # Nobody may ask a real venue as often as they like.
        self._broker = w.broker or (weight_broker(w.venue, w.clock) if w.watched else None)
        reach, self._loop = facts_of(w.venue).reach, asyncio.get_running_loop()
        # The compiler of strategies is a foreign library: it is loaded before nobody may.
        why_not_native()
        seal = sealed(reach.names, self._alarm) if w.sealed else nullcontext()
        seal.__enter__()
        self._closing.append(partial(_leave, seal))
        self.session = Session(w.transport, w.traces, reach, self._alarm, w.accounts_per_stream, w.answer_ms)
        self._closing.append(self.session.close)
        self.feed = CcxtFeed(w.venue, self.session, w.clock, w.on_time, w.keep_alive_ms, self._broker)
        self._closing.append(self.feed.close)
        listed = {market.id: market for market in await patiently(w.clock, self.feed.markets)}
        await patiently(w.clock, self.feed.time_ms)
        self.venue_clock = VenueClock(self.feed, w.clock)
        self.gate = EntryGate(self.venue_clock, Suspensions() if w.suspensions is None else w.suspensions, w.clock)
        self.gate.on_strategy_failed, self.gate.leave = w.on_strategy_failed, self._may_enter
        if w.watched:
            self.session.time.on_reading = self.venue_clock.hear
            await patiently(w.clock, self.venue_clock.check)
        self.watchdog = Watchdog(self.feed, w.clock, lambda: self.desk.actors)
        self.listed = ListedMarkets(self.feed, self.gate, w.clock, lambda: self.desk.actors, self.watchdog.look_around)
        self._closing.append(self._close_gateways)
        if w.risk is not None:
            names = {strategy_id: strategy.name for strategy_id, strategy in w.strategies.items()}
            self.risk = RiskDesk(*w.risk, w.clock, self.desk, names)
            self.gate.limits, self.desk.on_told = self.risk.may_enter, self.risk.after_batch
        if w.watched:
            self.flows = FlowDesk(self.desk.feed, self.books.transfers, listed, w.clock, w.flows)
        self.desk.in_turn, self.desk.on_work, self.desk.on_up = w.in_turn, self.watchdog.admit, self._look_after
        self.desk.together = Together(self.journal) if w.together else None
        self._closing.append(self.desk.stop)
        self._closing.append(self._hang_up)
        self._closing.append(self._supervisor.stop)
        seats = [seat for seat in self._by_exposure() if self._expect(seat, listed)]
        for account, error in w.refused.items():
            self.desk.refuse(account, error)
        if self.desk.halted and not seats:
            raise next(iter(self.desk.halted.values()))
        follows = {(seat.mandate.strategy_id, m): None for seat in seats for m in seat.mandate.markets if m in listed}
        record = self._record(w.candles) if w.candles is not None else None
        self.market_data = MarketData(
            self.feed,
            w.clock,
            self.journal,
            w.timeframe_ms,
            w.strategies,
            [(strategy_id, listed[market]) for strategy_id, market in follows],
            self._on_batch,
            [market for others in self._others.values() for market in others],
            record=record,
        )
        if self.risk is not None:
            self.market_data.on_candle = self.risk.candle
        self._watching = Watch((), w.clock, self.desk.halt)
        if w.watched:
            # Who comes up bare waits for nobody.
            self._supervisor.start("watchdog", self.watchdog.run(), lambda name, error: self.desk.halt_all(error))
        await self.desk.listen(self.market_data)
        await self._bring_all_up(seats, listed)
        await self.desk.run(self.market_data)
        if w.watched:
            others = [market for markets in self._others.values() for market in markets]
            used = [*(listed[market] for _, market in follows), *others]
            self._watch(list({market.id: market for market in used}.values()))
        if self._alarms:
            raise self._alarms[0]

    def _on_batch(self, time_ms: int, signals: Sequence[Signal]) -> None:
        if self._wiring.watched:
            self.gate.closed(signals)
        if self._wiring.entries_off():
            signals = [each.without_entry() for each in signals]
        self.desk.on_batch(time_ms, signals)

    def _record(self, store: CandleStore) -> CandleRecord:
        """Keep what the plane shows, from now on."""
        record = CandleRecord(store, self.feed, self._wiring.clock)
        # Before the supervisor: what is closed last must have nothing left to write.
        self._closing.insert(-1, partial(_call, record.close))
        # Trading goes on without a record; the supervisor says so.
        self._supervisor.start("candle record", record.run(), lambda name, error: None)
        return record

    def _by_exposure(self) -> Sequence[Seat]:
        """Those that seem to have a position first, by their last fills, if everybody is brought up together."""
        if not self._wiring.beside:
            return self._wiring.seats

        def is_flat(seat: Seat) -> bool:
            newest = {fill.market: fill for fill in reversed(self.books.last_fills(seat.account.id))}
            return not any(fill.side is Side.BUY for fill in newest.values())

        return sorted(self._wiring.seats, key=is_flat)

    def _expect(self, seat: Seat, listed: Mapping[MarketId, Market]) -> bool:
        """Whether any of an account's markets is there; if not, that is its own trouble. It trades without the others."""
        try:
            markets = recovery.markets_of(seat.account.id, seat.mandate, listed, self.journal)
            gone = [market for market in markets if market.id not in listed]
            if len(gone) == len(markets):
                listed_market(listed, markets[0].id)
            self._look_at(seat.mandate.strategy_id, listed)
        except TradepoolError as error:
            log.warning("an account cannot start", account=seat.account.id, error=str(error))
            self.desk.refuse(seat.account.id, error)
            return False
        for market in gone:
            log.warning("a market of an account has left the venue's list", account=seat.account.id, market=market.id)
            self.feed.remember(market)
            self.gate.listed({market.id: Trouble.DELISTED})
        self.desk.expect(seat.mandate)
        return True

    async def _bring_all_up(self, seats: Sequence[Seat], listed: Mapping[MarketId, Market]) -> None:
        """One after the other, before anybody trades; or STARTING_MAX at a time, each trading as soon as it is up."""
        if self._wiring.beside:
            take = partial(self._take, listed=listed)
            starting = Starting(self.desk, self._wiring.clock, take)
            work = starting.run([(seat.account.id, seat) for seat in seats])
            self._supervisor.start("accounts start", work, lambda name, error: self.desk.halt_all(error))
            return
        for seat in seats:
            work = self._bring_up(seat, listed)
            await guard(f"{seat.account.id} start", work, partial(self._refuse, seat.account.id))
        if self.desk.halted and not self.desk.actors:
            raise next(iter(self.desk.halted.values()))

    def _refuse(self, account: AccountId, task: str, error: Exception) -> None:
        self.desk.refuse(account, error)

    async def _bring_up(self, seat: Seat, listed: Mapping[MarketId, Market]) -> None:
        actor = await self._take(seat, listed)
        await self.desk.bring_up(actor)

    def _look_after(self, actor: AccountActor) -> None:
        if self.risk is not None:
            self.risk.admit(actor)
        if self._wiring.watched:
            self._watching.add(actor, self.keys[actor.account.account.id])
        if self.flows is not None:
            self.flows.admit(actor)

    def _watch(self, used: Sequence[Market]) -> None:
        """Look after what is beside trading, from now on."""
        clock = self._wiring.clock
        for name, work in (
            ("clock", self.venue_clock.run()),
            ("markets", self.listed.run(used)),
            ("data", look_at_data(self.market_data, self.gate.suspensions, clock)),
            ("accounts", self._watching.run()),
            ("reads", self.desk.feed.run()),
        ):
            self._supervisor.start(name, work, lambda name, error: self.desk.halt_all(error))

        # Who enters asks for the limits himself, too.
        for name, beside in (("limits", self.risk), ("flows", self.flows)):
            if beside is not None:
                self._supervisor.start(name, beside.run(), lambda name, error: None)

    def _alarm(self, error: TradepoolError) -> None:
        """Code of an exchange client went where it must not, in whatever thread: all accounts stop."""
        self._alarms.append(error)
        self._loop.call_soon_threadsafe(self._stop_accounts, error)

    def _stop_accounts(self, error: TradepoolError) -> None:
        self.desk.halt_all(error)

    async def _take(self, seat: Seat, listed: Mapping[MarketId, Market]) -> AccountActor:
        """Make an account's actor; nothing is asked of the venue yet, but what it pays where all wait for that."""
        w = self._wiring
        markets = recovery.markets_of(seat.account.id, seat.mandate, listed, self.journal)
        gateway: AccountGateway = w.wrap_gateway(
            CcxtGateway(
                seat.account.id,
                seat.credentials,
                self.feed.client,
                markets,
                self.session,
                w.clock,
                w.on_time,
                w.keep_alive_ms,
                self._broker,
            )
        )
        self._gateways.append(gateway)
        if w.watched:
            account_id = seat.account.id
            self.keys[account_id] = KeyCheck(gateway, w.venue, account_id, w.clock)
        mandate = seat.mandate if self.risk is None else self.risk.merged(seat.mandate)
        fees = None if w.beside else await patiently(w.clock, gateway.fees)
        if fees is not None:
            markets = [replace(market, fees=fees) for market in markets]
        account = Account(seat.account, mandate, markets, w.origin, w.naming.mark)
        actor: AccountActor
        entry_age_ms = ENTRY_MAX_AGE_BARS * w.timeframe_ms
        sender = Sender(gateway, w.clock, entry_age_ms, lambda event: actor.post(event))
        sender.may_enter, sender.on_rejected = self.gate.may_enter, self._rejected
        actor = AccountActor(account, gateway, self.journal, sender, w.naming.epoch)
        actor.fees = fees
        return actor

    async def _look_at_key(self, actor: AccountActor) -> None:
        """Judge a key before its account comes up. What the venue does not say now it is asked again beside trading; until it
        has said it, nothing is entered."""
        account = actor.account.account.id
        if error := await unanswered(self._wiring.clock, self.keys[account].check, KEY_PACE):
            log.warning("a key can't be looked at yet", account=account, error=str(error))

    def _may_enter(self, request: OrderRequest) -> str:
        key = self.keys.get(request.account)
        if key is None or key.rights is not None:
            return self._wiring.may_enter(request)
        if request.account not in self.desk.up:
            raise StillStarting(account=request.account)
        return Denial.KEY_UNSEEN

    def _rejected(self, request: OrderRequest, reason: str) -> None:
        self.gate.rejected(request, reason)
        self.listed.refused(request, reason)
        self.watchdog.refused(request, reason)

    def _look_at(self, strategy_id: StrategyId, listed: Mapping[MarketId, Market]) -> None:
        """Find the markets a strategy reads beside its own. Raises OtherMarketMissing and what `source_of` does."""
        if strategy_id in self._others:
            return
        strategy, venue = self._wiring.strategies[strategy_id], self._wiring.venue
        read = source_of(strategy, self._wiring.timeframe_ms).others
        wanted = {symbol: MarketId(f"{venue}:{symbol}") for symbol in read}
        for symbol, market in wanted.items():
            if market not in listed:
                symbols = sorted(each.symbol for each in listed.values())
                known = " or ".join(likely(symbol, symbols)) or ", ".join(symbols[:10])
                raise OtherMarketMissing(strategy=strategy.name, symbol=repr(symbol)[:40], venue=venue, known=known)
        self._others[strategy_id] = [listed[market] for market in wanted.values()]

    def actor(self, account: AccountId) -> AccountActor:
        """The actor of an account; what refused the account, where it could not be started, or StillStarting."""
        return self.desk.actor(account)

    async def try_key(self, account: AccountId) -> None:
        """A person says that an account's key is good again: ask, and let it trade on. KeyRefused, VenueError, and what
        else the account is stopped for."""
        await self.keys[account].check()
        self.desk.forgive(account)
        self._watching.add(self.actor(account), self.keys[account])

    async def stop(self) -> None:
        """Save where the market steps stand and disconnect; protections stay at the venue."""
        self.market_data.save()
        await self.close()

    async def _hang_up(self) -> None:
        """Leave the connections that accounts share, before each of them would."""
        if self.session.shared_streams is not None:
            await self.session.shared_streams.end()

    async def _close_gateways(self) -> None:
        await asyncio.gather(*(gateway.close() for gateway in self._gateways))

    async def close(self) -> None:
        """Disconnect whatever is connected; harmless twice, and after a start that failed."""
        async with AsyncExitStack() as stack:
            # Each is called, whatever another one raises.
            for close in self._closing:
                stack.push_async_callback(close)
            self._closing = []


async def _call(close: Callable[[], None]) -> None:
    close()


def weight_broker(venue: str, clock: Clock) -> WeightBroker:
    """What paces a process of its own before a real venue, by the venue's limits."""
    return Throttle(limits_of(venue), clock)


async def _leave(seal: AbstractContextManager[None]) -> None:
    seal.__exit__(None, None, None)
