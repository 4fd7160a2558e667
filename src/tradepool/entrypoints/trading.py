"""The trading process of a deployment: every active mandate, until it is told to stop. Protections stay at the venue.

It is spoken to over a socket in the deployment's folder. What people decide (halts, a newer instance) is in the
database, which is read before every entry: a command beside a process that hangs holds from the moment it wakes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
import structlog
from rich.live import Live
from sqlalchemy import Connection

from tradepool.adapters.database.deployment import DatabaseDeployment, Deed, Replaced
from tradepool.adapters.database.engine import StoreUnusable, dispose
from tradepool.adapters.database.reserve import ReservedJournal
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.adapters.database.suspensions import AutomaticSuspensions, DatabaseSuspensions
from tradepool.adapters.exchanges.rate_limits import limits_of
from tradepool.adapters.exchanges.transport import Transport
from tradepool.core.account.account import Account
from tradepool.core.risk.strategy_failures import blamed
from tradepool.core.risk.suspension import Suspensions
from tradepool.domain.by_hand import FlattenAsked
from tradepool.domain.denial import Denial
from tradepool.domain.deployment import Kind, Scope, ScopeKind
from tradepool.domain.errors import TradepoolError
from tradepool.domain.ids import AccountId, Naming, StrategyId
from tradepool.domain.order import OrderRequest
from tradepool.domain.trade import Origin
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.balance import told
from tradepool.entrypoints.checklist import facts_now
from tradepool.entrypoints.deeds import DEEDS, ENDING, StartsStill, StopsNow, answer_of, carried_out
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.file_changes import audit_file
from tradepool.entrypoints.inputs import say_if_not_compiled
from tradepool.entrypoints.key_watch import KeyWatch
from tradepool.entrypoints.keys import KeyOf, keys_but
from tradepool.entrypoints.left import with_left
from tradepool.entrypoints.lookout import Lookout
from tradepool.entrypoints.notifiers import channels, sign_of_life
from tradepool.entrypoints.pool_daily import DailyGathering
from tradepool.entrypoints.practice import place_of
from tradepool.entrypoints.risk import rows_of_desk
from tradepool.entrypoints.rungs import Rungs
from tradepool.entrypoints.running import STARTED, STOPPED, books_of, candles_of, epoch_alone, only_one, reserve_of
from tradepool.entrypoints.saying import console
from tradepool.entrypoints.seating import refuse_unled, seats_of
from tradepool.entrypoints.standing import Standing
from tradepool.entrypoints.wiring import Wiring
from tradepool.ports.clock import Clock
from tradepool.presentation.books_page import order_rows, position_rows
from tradepool.presentation.status_page import live_line
from tradepool.runtime import telemetry
from tradepool.runtime.clock import RealClock
from tradepool.runtime.collector import keep_what_stands
from tradepool.runtime.command_socket import CommandSocket
from tradepool.runtime.supervise import guard
from tradepool.runtime.throttle import Throttle
from tradepool.services.alarms import Alarms
from tradepool.services.trading.fan_out import Rotation
from tradepool.services.trading.sender import StillStarting
from tradepool.services.trading.steering import Steering

LOOK_S = 0.5
# What hangs longer is given up, as it holds up its account's other markets; no sooner: a busy machine reads late.
ANSWER_MS = 20_000
# How long what is on its way may take to come to rest when trading ends, and how often that is looked at.
REST_S, REST_LOOK_S = 10.0, 0.1

log = telemetry.logger(__name__)


class StoppedThere(TradepoolError):
    """Account {account} is stopped inside the trading process ({why}); run tradepool stop, then ask again."""


def start(deployed: Deployed, keys_of: Callable[[Deployed], KeyOf]) -> None:
    """Trade until SIGTERM, SIGINT or `stop`; keys are asked for once the database is known to be the right one.

    RunsAlready, NothingToTrade, BadDeployment, WrongDatabase, HandsAtWork, NoKey, Replaced, and what connecting raises.
    """
    refuse_unled(with_left(deployed))
    # Before the seal, which lets no library be loaded.
    say_if_not_compiled()
    with only_one(deployed):
        clock, transport, world, closed = place_of(deployed)
        reserve_of(deployed).give_if_full()
        connection = books_of(deployed, world)
        audit_file(deployed, DatabaseDeployment(connection, deployed.deployment))
        deployed = with_left(deployed, connection)
        structlog.contextvars.bind_contextvars(kind=deployed.deployment.kind.value, deployment=deployed.deployment.id)
        try:
            # New play money begins new books, in which nothing is held.
            refuse_unled(deployed)
            for each in deployed.seats:
                if each.off:
                    log.warning("nothing is entered for an account", account=each.account_id, why=each.off)
            asyncio.run(Trading(deployed, connection, clock, transport, keys_but(closed, keys_of(deployed))).run())
        finally:
            dispose(connection)


class Trading:
    """One run of the trading process."""

    def __init__(
        self,
        deployed: Deployed,
        connection: Connection,
        clock: Clock,
        transport: Transport,
        key_of: KeyOf,
        platform_of: Callable[[Wiring], Platform] = Platform,
    ) -> None:
        """Nothing is connected before `run`."""
        self._deployed, self._clock, self._real = deployed, clock, RealClock()
        self._rows = DatabaseDeployment(connection, deployed.deployment)
        self._rungs = Rungs(connection)
        self._capped: object = None
        self._epoch = epoch_alone(deployed, self._rows)
        self._suspensions = DatabaseSuspensions(connection)
        self._gathering = DailyGathering(deployed, connection, self._real)
        self._names = {seat.mandate.strategy_id: seat.strategy.name for seat in deployed.seats}
        self._seats = {seat.account_id: seat for seat in deployed.seats}
        self._reserve = reserve_of(deployed)
        self._reserve.fill()
        journal = ReservedJournal(connection, self._epoch, self._reserve)
        self._over, self._deeds, self._is_away = asyncio.Event(), 0, False
        people, self._sign_of_life = channels(deployed), sign_of_life(deployed)
        self._throttle = Throttle(limits_of(deployed.venue.id), clock)
        seats, refused = seats_of(deployed.seats, self._rows, deployed.venue.id, key_of, journal.traded())
        self._platform = platform_of(
            Wiring(
                venue=deployed.venue.id,
                timeframe_ms=deployed.timeframe_ms,
                transport=transport,
                clock=clock,
                connection=connection,
                strategies={seat.mandate.strategy_id: seat.strategy for seat in deployed.seats},
                seats=seats,
                refused=refused,
                may_enter=self._may_enter,
                journal=journal,
                origin=Origin.PRACTICE if deployed.deployment.kind is Kind.PRACTICE else Origin.REAL,
                sealed=True,
                watched=True,
                # A few are up in seconds, and whoever starts them hears at once what is wrong with all of them.
                beside=True,
                naming=Naming(deployed.deployment.mark, self._epoch),
                broker=self._throttle,
                candles=candles_of(deployed),
                accounts_per_stream=deployed.settings.venue.accounts_per_stream,
                answer_ms=ANSWER_MS,
                risk=(deployed.risk, DatabaseRisk(connection)),
                entries_off=lambda: not self._reserve.whole or self._over.is_set(),
                together=True,
                in_turn=Rotation([seat.account_id for seat in deployed.seats if seat.user.role.house]),
                flows=deployed.settings.money.rules,
                suspensions=Suspensions(AutomaticSuspensions(self._suspensions, clock, self._real)),
                on_strategy_failed=self._strategy_failed,
            )
        )
        self._keys, both = KeyWatch(deployed, self._platform, connection, clock), (clock, self._real)
        self._standing = Standing(
            deployed, self._platform, self._rows, self._rungs, self._suspensions, self._reserve, both
        )
        self._lookout = Lookout(deployed, self._platform, self._rows, self._reserve, both)
        self._lookout.unpaid = self._rungs.dunning.words
        self._lookout.suspended = lambda: self._suspensions.all(self._real.now_ms())
        name = f"{deployed.deployment.kind.value} {deployed.deployment.id}"
        self._alarms = Alarms(self._keys.beside(self._lookout.look), people, self._real, name)

    def _may_enter(self, request: OrderRequest) -> str:
        """Asked before each entry leaves; the database is asked each time, so that nothing can be missed. StillStarting while
        it can't be: the entry waits. A refusal would have to be written down, which stops the account where that fails."""
        try:
            return self._why_not(self._seats[request.account], request)
        except StoreUnusable as error:
            raise StillStarting(account=request.account) from error

    def _why_not(self, seat: Seated, request: OrderRequest) -> str:
        if self._rows.epoch != self._epoch:
            return Denial.REPLACED
        if any(halt.scope.covers(seat.user.id, request.market) for halt in self._rows.halts()):
            return Denial.HALTED
        if not self._reserve.whole:
            return Denial.DISK_FULL
        if self._suspensions.why_not(request.market, self._names[request.strategy_id], self._real.now_ms()) is not None:
            return Denial.SUSPENDED
        account = self._platform.actor(request.account).account
        return self._keys.may_enter(seat, account, request) or self._rungs.may_enter(seat, account, request)

    def _strategy_failed(self, strategy: StrategyId) -> None:
        try:
            self._suspensions.suspend(blamed(self._names[strategy], self._real.now_ms()))
        except StoreUnusable as error:
            log.error("a strategy could not be suspended", strategy=self._names[strategy], error=str(error))

    async def run(self) -> None:
        """Connect, recover, trade, until it is over. Replaced, and what connecting raises."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._over.set)
        commands = CommandSocket(self._deployed.socket, self._answer)
        starting = asyncio.create_task(self._platform.start())
        ending = asyncio.create_task(self._over.wait())
        # Beside a start that hangs as beside trading, which goes on whatever becomes of that.
        watching = asyncio.create_task(guard("alarms", self._alarms.run(), lambda name, error: None))
        try:
            await commands.start()
            await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                self._standing.ready = self._lookout.ready = True
                self._alarms.life = self._sign_of_life
                keep_what_stands()
                self._audit(STARTED, self._clock.now_ms())
                log.info(
                    "trading", accounts=len(self._seats), instance=self._epoch, database=str(self._deployed.database)
                )
                gathering = asyncio.create_task(guard("trade pool", self._gathering.run(), lambda name, error: None))
                await self._until_over()
                ended_ms = self._clock.now_ms()
                watching.cancel()
                gathering.cancel()
                if self._rows.epoch == self._epoch:
                    await self._come_to_rest()
                self._audit(STOPPED, ended_ms)
                # Who was replaced, be it meanwhile, must not save its steps over the other's.
                if self._rows.epoch == self._epoch:
                    await self._platform.stop()
        finally:
            for task in (starting, ending, watching):
                task.cancel()
            await asyncio.gather(starting, ending, watching, return_exceptions=True)
            await commands.stop()
            await self._platform.close()
        log.info("stopped; protections rest at the venue")
        if self._rows.epoch != self._epoch:
            raise Replaced(newer=self._rows.epoch, epoch=self._epoch)

    async def _come_to_rest(self) -> None:
        """Nothing is decided any more; what is on its way is heard of first, so that what was bought gets its stop, and what is
        to be sold is. Who waits for longer than REST_S is found by the next start."""
        await self._platform.desk.decide_no_more()
        until_ms = self._real.now_ms() + int(1_000 * REST_S)
        while self._deeds or self._platform.desk.busy:
            if self._rows.epoch != self._epoch or self._real.now_ms() >= until_ms:
                break
            await self._real.sleep(REST_LOOK_S)

    def _audit(self, what: str, time_ms: int) -> None:
        """From when to when somebody listened to candles."""
        scope, reason = f"instance {self._epoch}", f"process {os.getpid()}"
        self._rows.audit(Deed(time_ms=time_ms, by=me(), what=what, scope=scope, reason=reason))

    async def _until_over(self) -> None:
        screen = Live(console=console(stderr=True), auto_refresh=False, transient=True)
        if sys.stderr.isatty():
            screen.start()
        try:
            while not self._over.is_set() and self._goes_on(screen):
                await self._looked()
        finally:
            screen.stop()

    def _goes_on(self, screen: Live) -> bool:
        """Show how it stands and hear of new rungs; False once there is a newer instance. A server may be away for a while."""
        try:
            if self._rows.epoch != self._epoch:
                return False
            if screen.is_started:
                screen.update(live_line(self._standing.now()), refresh=True)
            self._cap()
            self._is_away = False
        except StoreUnusable as error:
            if not self._is_away:
                log.error("nothing is entered until the database can be read again", error=str(error))
            self._is_away = True
        return True

    async def _looked(self) -> None:
        """Until it is time to look again, or it is over."""
        waiting = [asyncio.ensure_future(each) for each in (self._over.wait(), self._real.sleep(LOOK_S))]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    def _cap(self) -> None:
        """Let accounts size their entries for the rung that their mandate stands on."""
        actors = [(seat, actor) for seat, actor in self._standing.actors() if actor is not None]
        seen = (self._rungs.promotions.last(), len(actors), self._keys.capped)
        for seat, actor in actors if seen != self._capped else ():
            if cap := self._rungs.cap(seat, actor.account, self._clock.now_ms(), self._keys.most(seat)):
                actor.post(cap)
        self._capped = seen

    # ---- what is asked of it

    async def _answer(self, asked: Mapping[str, str]) -> str:
        if asked.get("do") not in DEEDS:
            return await self._told(asked)
        if self._over.is_set():
            raise StopsNow
        self._deeds += 1
        try:
            return await self._done(asked)
        finally:
            self._deeds -= 1

    async def _told(self, asked: Mapping[str, str]) -> str:
        match asked.get("do"):
            case "stop":
                self._over.set()
                return "stopping"
            case "status":
                return msgspec.json.encode(await self._standing.status()).decode()
            case "risk":
                return msgspec.json.encode(rows_of_desk(self._platform.risk) if self._standing.ready else []).decode()
            case "limits":
                return msgspec.json.encode(await self._throttle.snapshot()).decode()
            case "positions":
                return self._all(position_rows)
            case "orders":
                return self._all(order_rows)
            case "balance":
                return await told(self._platform, self._standing.actors(), asked["user"])
            case "facts":
                return await self._facts(AccountId(asked["account"]))
        return ENDING if self._over.is_set() else "alive"

    async def _done(self, asked: Mapping[str, str]) -> str:
        match asked["do"]:
            case "flatten":
                return self._flatten(Scope(ScopeKind(asked["kind"]), asked["name"]))
            case "resume":
                return self._resume(Scope(ScopeKind(asked["kind"]), asked["name"]))
            case "keys":
                return await self._keys.resume(Scope(ScopeKind(asked["kind"]), asked["name"]))
        return await answer_of(self._steer(asked))

    def _all(self, rows_of: Callable[[Account], Sequence[object]]) -> str:
        found = [row for _, actor in self._standing.actors() if actor is not None for row in rows_of(actor.account)]
        if not found and (not self._standing.ready or self._platform.desk.starting):
            raise StartsStill
        return msgspec.json.encode(found).decode()

    async def _facts(self, account: AccountId) -> str:
        actor, seat = self._platform.actor(account), self._seats[account]
        safety = await self._standing.account(seat, actor)
        found = await facts_now(seat, safety, actor.account, actor.gateway, self._platform.feed, self._clock)
        return msgspec.json.encode(found).decode()

    async def _steer(self, asked: Mapping[str, str]) -> str:
        actor = self._platform.actor(AccountId(asked["account"]))
        if stopped := self._platform.desk.halted.get(actor.account.account.id):
            raise StoppedThere(account=asked["account"], why=str(stopped).rstrip("."))
        may_adopt = partial(self._rungs.may_adopt, self._seats[actor.account.account.id], actor.account)
        return await carried_out(Steering(actor, self._clock, self._real, may_adopt), asked)

    def _flatten(self, scope: Scope) -> str:
        """Tell every account in scope to sell what it holds there; which are told, and which can't be."""
        told, deaf = list[str](), list[str]()
        for seat, actor in self._standing.actors():
            markets = frozenset(m for m in seat.mandate.markets if scope.covers(seat.user.id, m))
            if not markets:
                continue
            if actor is None or seat.account_id in self._platform.desk.halted:
                deaf.append(seat.account_id)
                continue
            actor.post(FlattenAsked(time_ms=self._clock.now_ms(), markets=tuple(sorted(markets))))
            told.append(seat.account_id)
        return msgspec.json.encode({"told": told, "deaf": deaf}).decode()

    def _resume(self, scope: Scope) -> str:
        """Accounts in scope on which somebody else had ordered, or that are quarantined: a person says that it is over."""
        resumed = list[str]()
        for seat, actor in self._standing.actors():
            if actor is None or actor.entries_off is None or scope.kind is ScopeKind.MARKET:
                continue
            desk, is_in = self._platform.desk, scope.covers(seat.user.id, seat.mandate.markets[0])
            if is_in and seat.account_id not in desk.halted:
                desk.resume(seat.account_id)
                resumed.append(seat.account_id)
        return ", ".join(resumed)
