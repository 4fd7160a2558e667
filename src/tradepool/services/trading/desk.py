"""All accounts of a deployment: each T's signals fanned out to the actors whose mandates follow them.

One account's failure stops that account, loudly, and no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial

from tradepool.domain.balance import Balance
from tradepool.domain.denial import Denial
from tradepool.domain.errors import InvalidInput, KeyRefused, TradepoolError
from tradepool.domain.event import CandlesClosed, EntriesResumed, StreamLost, TermsSeen
from tradepool.domain.ids import AccountId, MarketId, StrategyId
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import FeeSchedule
from tradepool.domain.signal import Signal
from tradepool.ports.clock import Clock
from tradepool.ports.journal import Journal
from tradepool.runtime.supervise import Supervisor, guard
from tradepool.services.account_reads import Exposure
from tradepool.services.backoff import ONCE, is_transient, patiently, unanswered
from tradepool.services.market_data import MarketData
from tradepool.services.trading import recovery
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.account_feed import AccountFeed
from tradepool.services.trading.fan_out import InTurn, Told, as_they_came
from tradepool.services.trading.halts import is_worse, leaves
from tradepool.services.trading.sender import StillStarting
from tradepool.services.trading.together import Together

ENTRY_MAX_AGE_BARS = 1
START_AGAIN_S = 30.0
# A stream that breaks is most often back by then, and a candle's entry is not too late.
STREAM_WAIT_S = 5.0
# Accounts of one group, and the turns of the loop that it has before the next one: a few's orders get onto the wire in theirs.
GROUP_MAX, FEW, TURNS_OF_FEW, TURNS_OF_MANY = 512, 8, 8, 3

Follows = tuple[StrategyId, tuple[MarketId, ...]]


class NotStarted(TradepoolError):
    """The key of account {account} is good now, and was refused when trading started; run tradepool stop, then tradepool start."""


class NothingToResume(InvalidInput):
    """Account {account} has no entries switched off; there is nothing to resume."""


class TradingDesk:
    """Runs the actors beside each other. `halted` names the accounts that failed, with the error; `in_turn` says in which
    order accounts hear of a T; with `together`, accounts decide in groups whose records share a transaction; `on_work` hears
    of each account whose orders go out from now on, `on_up` of each that has come up, at its start or later; `on_told` when
    all have been told of a T. `look_at_key` raises what refuses an account before it comes up."""

    def __init__(
        self, clock: Clock, journal: Journal, timeframe_ms: int, every_ms: Mapping[Exposure, int] | None = None
    ) -> None:
        """Nobody is expected yet. `every_ms` is how often accounts are read; None: never."""
        self.actors: list[AccountActor] = []
        self.halted: dict[AccountId, Exception] = {}
        self.in_turn: InTurn = as_they_came
        self.together: Together | None = None
        self.on_work: Callable[[AccountActor], None] = lambda actor: None
        self.on_up: Callable[[AccountActor], None] = lambda actor: None
        self.on_told: Callable[[], None] = lambda: None
        self.look_at_key: Callable[[AccountActor], Awaitable[None]] | None = None
        self._telling = asyncio.Lock()
        self.feed = AccountFeed(clock, every_ms, self.halt)
        self._clock = clock
        self._journal = journal
        self._timeframe_ms = timeframe_ms
        self._supervisor = Supervisor()
        self._by_account: dict[AccountId, AccountActor] = {}
        self._followers: dict[Follows, list[AccountId]] = {}
        self._kept: dict[AccountId, list[CandlesClosed]] = {}
        self._closes: Mapping[MarketId, float] = {}
        self._working: set[AccountId] = set()
        # Accounts whose stream is being opened again, since when; and of those it broke once more meanwhile.
        self.streamless: dict[AccountId, int] = {}
        self._broke_again: set[AccountId] = set()
        self._up: set[AccountId] = set()
        self._runs = self._ends = False
        self._candles: asyncio.Task[None] | None = None
        self._fan_out: asyncio.Task[None] | None = None

    @property
    def busy(self) -> list[AccountId]:
        """Accounts that were told or sent something that is not answered yet."""
        return [account for account, actor in self._by_account.items() if account not in self.halted and actor.busy]

    @property
    def starting(self) -> bool:
        """Whether anybody who is expected has neither come up nor failed to."""
        return bool(self._kept)

    @property
    def up(self) -> Collection[AccountId]:
        """Accounts that have come up: what happened while nobody listened is booked."""
        return self._up

    @property
    def secured(self) -> Collection[AccountId]:
        """Accounts whose protections were seen to since the start, up or not yet."""
        return self._up | self._working

    def actor(self, account: AccountId) -> AccountActor:
        """The actor of an account; raises what refused it, or StillStarting."""
        if account in self._by_account and (account in self._up or account in self.halted):
            return self._by_account[account]
        raise self.halted.get(account) or StillStarting(account=account)

    # ---- starting

    def expect(self, mandate: Mandate) -> None:
        """An account will come: what its mandate follows is kept for it until then."""
        self._followers.setdefault((mandate.strategy_id, tuple(mandate.markets)), []).append(mandate.account)
        self._kept[mandate.account] = []

    def refuse(self, account: AccountId, error: Exception) -> None:
        """An account that was expected will not come."""
        self._kept.pop(account, None)
        self.halted.setdefault(account, error)

    async def listen(self, market_data: MarketData) -> None:
        """Let market data begin; from now on nothing that closes is missed."""
        market_data.steps.settled = self._settled
        self._closes = await market_data.start()

    async def bring_up(self, actor: AccountActor, read: asyncio.Event | None = None) -> None:
        """Recover an account and give it what was kept for it; it trades at once if the desk runs. One that was secured
        asks for its history when all have been `read`."""
        is_secured = actor.account.account.id in self._by_account
        if is_secured:
            work = recovery.finish(actor, self._clock, partial(self._has_read, actor, read))
        else:
            self._take_on(actor)
            work = recovery.start(actor, self._journal, self._clock, partial(self._has_read, actor, read))
        await guard(f"{actor.account.account.id} start", self._begin(actor, work), partial(self._not_begun, actor))

    async def read(self, actor: AccountActor, *, urgent: bool = False, patient: bool = True) -> None:
        """Ask what an account pays and holds; once, if not `patient`. VenueError, and what the journal raises."""
        gateway, asked_ms = actor.gateway, self._clock.now_ms()

        async def ask() -> tuple[FeeSchedule, Sequence[Balance]]:
            return await (gateway.urgently(gateway.standing()) if urgent else gateway.standing())

        actor.fees, balances = await (patiently(self._clock, ask) if patient else ask())
        self.feed.took(actor.account.account.id, balances, asked_ms)
        markets = tuple(actor.with_fees(slot.listed) for slot in actor.account.slots.values())
        actor.handle(TermsSeen(time_ms=self._clock.now_ms(), markets=markets))

    async def _has_read(self, actor: AccountActor, read: asyncio.Event | None) -> None:
        """Wait for the reads of all; whose own failed is asked for again. Then the key is looked at."""
        if read is not None:
            await read.wait()
        if actor.fees is None:
            await self.read(actor)
        if self.look_at_key is not None:
            await self.look_at_key(actor)

    async def _begin(self, actor: AccountActor, recovered: Awaitable[None]) -> None:
        await recovered
        if self._ends:
            # What is kept for it is the next start's.
            return
        name = actor.account.account.id
        for event in self._kept.pop(name, ()):
            actor.post(event)
        # After the journal, whose last candle may be older than the last checkpoint.
        for market, close in self._closes.items():
            if market in actor.account.slots:
                actor.account.mark(market, close)
        self._up.add(name)
        self.on_up(actor)
        if self._runs:
            self._go(actor)

    def _not_begun(self, actor: AccountActor, task: str, error: Exception, before: Exception | None = None) -> None:
        """Reported and halted; what a later try may mend is tried again, beside all others' trading. What the try `before`
        had failed with is said no more."""
        name = actor.account.account.id
        if before is not None and self.halted.get(name) is before:
            self.halted[name] = error
        self._halt(name, task, error)
        if is_transient(error) or (actor.refused and not isinstance(error, KeyRefused)):
            self._supervisor.start(f"{name} start again", self._begin_again(actor, error), partial(self._halt, name))

    async def _begin_again(self, actor: AccountActor, error: Exception) -> None:
        await self._clock.sleep(START_AGAIN_S)
        name, was_refused = actor.account.account.id, actor.refused
        work = recovery.resume(actor, self._clock, partial(self._has_read, actor, None))
        await guard(f"{name} start", self._begin(actor, work), partial(self._not_begun, actor, before=error))
        if name in self._up and self.halted.get(name) is error and not was_refused:
            del self.halted[name]
            actor.sender.resume()

    def _take_on(self, actor: AccountActor) -> None:
        actor.together = self.together.handle if self.together is not None else None
        actor.on_odd = partial(self.halt, actor.account.account.id)
        self.actors.append(actor)
        self._by_account[actor.account.account.id] = actor

    async def secure(self, actor: AccountActor) -> bool:
        """See to an account's protections ahead of the rest of its start, which `bring_up` does; whether it may go on.

        From now on it hears the answers to what it sends; candles are kept for it until it is up.
        """
        name = actor.account.account.id
        self._take_on(actor)
        work = recovery.secure(actor, self._journal, self._clock)
        await guard(f"{name} start", work, partial(self._not_begun, actor))
        if name not in self.halted:
            self._work(actor)
        return name not in self.halted

    async def run(self, market_data: MarketData) -> None:
        """Catch up with the candles, or leave that to market data where the venue does not tell them; then let everything run
        that is up, and what comes later as soon as it is."""
        if error := await unanswered(self._clock, market_data.catch_up, ONCE):
            market_data.reopen(str(error))
        self._runs = True
        for actor in self.actors:
            # Who is still coming up goes when he is up.
            if actor.account.account.id in self._up:
                self._go(actor)
        self._candles = self._supervisor.start("market data", market_data.run(), self._market_data_failed)

    def _settled(self) -> bool:
        """Whether all that was told has been decided on and written down, and nothing is kept for who is still coming up."""
        is_telling = self._fan_out is not None and not self._fan_out.done()
        deciding = (actor.deciding for account, actor in self._by_account.items() if account not in self.halted)
        return not (is_telling or any(self._kept.values()) or any(deciding))

    async def decide_no_more(self) -> None:
        """Tell of no candle any more; what is decided on those that were told is carried out."""
        self._ends = True
        if self._candles is not None:
            self._candles.cancel()
            await asyncio.wait([self._candles])
        if self._fan_out is not None:
            # Each waits for the one before it.
            await asyncio.wait([self._fan_out])

    def _go(self, actor: AccountActor) -> None:
        self._work(actor)
        self.feed.admit(actor)

    def _work(self, actor: AccountActor) -> None:
        name = actor.account.account.id
        if name not in self._working:
            self._working.add(name)
            actor.sender.on_failed = partial(self.halt, name)
            self._run(actor, "events", lambda: actor.run(self._reconnect))
            self._run(actor, "orders", actor.sender.run)
            self.on_work(actor)

    async def _reconnect(self, actor: AccountActor) -> None:
        """Let what comes wait a moment for the stream. If that takes longer, exits and what people want go on without it: the
        venue is asked what became of orders, and nothing is entered."""
        name = actor.account.account.id
        self.feed.lost(actor)
        if name in self.streamless:
            self._broke_again.add(name)
            return
        self.streamless[name] = self._clock.now_ms()
        mended = self._supervisor.start(f"{name} stream", self._mend(actor), partial(self._not_mended, actor))
        moment = asyncio.ensure_future(self._clock.sleep(STREAM_WAIT_S))
        try:
            await asyncio.wait([mended, moment], return_when=asyncio.FIRST_COMPLETED)
        finally:
            moment.cancel()

    async def _mend(self, actor: AccountActor) -> None:
        name = actor.account.account.id
        await recovery.reconnect(actor, self._clock)
        while name in self._broke_again:
            self._broke_again.discard(name)
            actor.handle(StreamLost(time_ms=self._clock.now_ms(), why="it broke again"))
            await recovery.reconnect(actor, self._clock)
        self.streamless.pop(name, None)
        self.feed.mended(actor)

    def _not_mended(self, actor: AccountActor, task: str, error: Exception) -> None:
        name = actor.account.account.id
        self.streamless.pop(name, None)
        self._broke_again.discard(name)
        self._halt(name, task, error)
        actor.lost("it could not be opened again")

    def _run(self, actor: AccountActor, what: str, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Run a part of an account. Whatever ends it halts the account; fills and protections go on all the same."""
        name = actor.account.account.id

        def failed(task: str, error: Exception) -> None:
            self._halt(name, task, error)
            if not actor.account.listening and name not in self.streamless:
                actor.lost("it could not be opened again")
            self._run(actor, what, work)

        self._supervisor.start(f"{name} {what}", work(), failed)

    def _halt(self, account: AccountId, task: str, error: Exception) -> None:
        """Nothing that adds risk is decided for the account, or goes out. Fills are still booked, what the stream keeps back
        is still noticed, protections are still replaced. What is worst is said, of equals the first."""
        if is_worse(error, self.halted.setdefault(account, error)):
            self.halted[account] = error
        self._kept.pop(account, None)
        if account in self._by_account:
            self._by_account[account].sender.halt()

    def _market_data_failed(self, task: str, error: Exception) -> None:
        self.halt_all(error)

    def halt(self, account: AccountId, error: Exception) -> None:
        """Stop one account."""
        self._halt(account, "account", error)

    def halt_all(self, error: Exception) -> None:
        """Stop every account for the same reason."""
        for account in [*self._by_account, *self._kept]:
            self._halt(account, "all accounts", error)

    def on_batch(self, time_ms: int, signals: Sequence[Signal]) -> None:
        """Give each group of accounts that follow the same strategy and markets its signals, as one shared event."""
        by_key: Mapping[tuple[StrategyId, MarketId], Signal] = {(s.strategy_id, s.market): s for s in signals}
        late = self._clock.now_ms() >= time_ms + ENTRY_MAX_AGE_BARS * self._timeframe_ms
        told = list[Told]()
        for (strategy_id, markets), accounts in self._followers.items():
            mine = tuple(by_key[strategy_id, m] for m in markets if (strategy_id, m) in by_key)
            if not mine:
                continue
            event = CandlesClosed(time_ms=time_ms, signals=mine, late=late)
            told += [(account, event) for account in accounts]
        if self.together is None:
            self._tell(self.in_turn(time_ms, told))
            self.feed.after_batch()
            self.on_told()
        else:
            work = self._tell_some(self.in_turn(time_ms, told))
            self._fan_out = self._supervisor.start("fan-out", work, self._market_data_failed)

    def _tell(self, told: Sequence[Told]) -> None:
        for account, event in told:
            if account in self._kept:
                self._kept[account].append(event)
            elif account not in self.halted:
                self._by_account[account].post(event)
            elif account in self._up and leaves(self.halted[account]) and not self._by_account[account].refused:
                self._by_account[account].post(replace(event, off=Denial.STOPPED))

    async def _tell_some(self, told: Sequence[Told]) -> None:
        """The first account alone, then twice as many each time: its order is on the wire before others are decided, and
        the last one's group is still written in one transaction. A T waits until the one before it is told."""
        async with self._telling:
            done, size = 0, 1
            while done < len(told):
                self._tell(told[done : done + size])
                turns = TURNS_OF_FEW if size <= FEW else TURNS_OF_MANY
                done, size = done + size, min(2 * size, GROUP_MAX)
                for _ in range(turns):
                    await asyncio.sleep(0)
            self.feed.after_batch()
            self.on_told()

    def resume(self, account: AccountId) -> None:
        """Let an account enter again after somebody else had ordered on it, or it was quarantined: that is over.

        Raises NothingToResume where entries are not off, and what halted the account where it is.
        """
        if account in self.halted:
            raise self.halted[account]
        actor = self.actor(account)
        if actor.entries_off is None:
            raise NothingToResume(account=account)
        actor.post(EntriesResumed(time_ms=self._clock.now_ms()))

    def forgive(self, account: AccountId) -> None:
        """An account that was stopped for its key trades on: the key is good again, and a person says so. NotStarted, and
        what it is stopped for, if that is anything else."""
        error, actor = self.halted.get(account), self._by_account.get(account)
        if error is not None and not isinstance(error, KeyRefused):
            raise error
        if actor is None or account not in self._up:
            raise NotStarted(account=account)
        self.halted.pop(account, None)
        actor.sender.resume()
        # Who was refused is not read any more.
        self.feed.admit(actor)
        if not actor.account.listening:
            self.feed.lost(actor)

    async def stop(self) -> None:
        """Stop acting; protections stay at the venue."""
        await self.feed.stop()
        await self._supervisor.stop()
        await asyncio.gather(*(actor.gateway.close() for actor in self.actors))
