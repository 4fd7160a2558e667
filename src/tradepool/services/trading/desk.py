"""All accounts of a deployment: each T's signals fanned out to the actors whose mandates follow them.

One account's failure stops that account, loudly, and no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial

from tradepool.domain.errors import InvalidInput, TradepoolError, VenueError
from tradepool.domain.event import CandlesClosed, EntriesResumed
from tradepool.domain.ids import AccountId, MarketId, StrategyId
from tradepool.domain.mandate import Mandate
from tradepool.domain.signal import Signal
from tradepool.ports.clock import Clock
from tradepool.ports.journal import Journal
from tradepool.runtime.supervise import Supervisor, guard
from tradepool.services.account_reads import Exposure
from tradepool.services.backoff import patiently
from tradepool.services.market_data import MarketData
from tradepool.services.trading import recovery
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.account_feed import AccountFeed

ENTRY_MAX_AGE_BARS = 1
START_AGAIN_S = 30.0

Follows = tuple[StrategyId, tuple[MarketId, ...]]


class StillStarting(TradepoolError):
    """Account {account} is still starting; ask again in a moment."""


class NothingToResume(InvalidInput):
    """Account {account} has no entries switched off; there is nothing to resume."""


class TradingDesk:
    """Runs the actors beside each other. `halted` names the accounts that failed, with the error."""

    def __init__(
        self, clock: Clock, journal: Journal, timeframe_ms: int, every_ms: Mapping[Exposure, int] | None = None
    ) -> None:
        """Nobody is expected yet. `every_ms` is how often accounts are read; None: never."""
        self.actors: list[AccountActor] = []
        self.halted: dict[AccountId, Exception] = {}
        self.feed = AccountFeed(clock, every_ms, self.halt)
        self._clock = clock
        self._journal = journal
        self._timeframe_ms = timeframe_ms
        self._supervisor = Supervisor()
        self._by_account: dict[AccountId, AccountActor] = {}
        self._followers: dict[Follows, list[AccountId]] = {}
        self._kept: dict[AccountId, list[CandlesClosed]] = {}
        self._closes: Mapping[MarketId, float] = {}
        self._up: set[AccountId] = set()
        self._runs = False

    @property
    def busy(self) -> list[AccountId]:
        """Accounts that were told or sent something that is not answered yet."""
        return [account for account, actor in self._by_account.items() if account not in self.halted and actor.busy]

    def actor(self, account: AccountId) -> AccountActor:
        """The actor of an account; raises what refused it, or StillStarting."""
        if account in self._by_account:
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
        self._closes = await patiently(self._clock, market_data.start)

    async def bring_up(self, actor: AccountActor) -> None:
        """Recover an account and give it what was kept for it; it trades at once if the desk runs."""
        name = actor.account.account.id
        self.actors.append(actor)
        self._by_account[name] = actor
        for event in self._kept.pop(name, ()):
            actor.post(event)
        work = self._begin(actor, recovery.start(actor, self._journal, self._clock))
        await guard(f"{name} start", work, partial(self._not_begun, actor))

    async def _begin(self, actor: AccountActor, recovered: Awaitable[None]) -> None:
        await recovered
        # After the journal, whose last candle may be older than the last checkpoint.
        for market, close in self._closes.items():
            if market in actor.account.slots:
                actor.account.mark(market, close)
        self._up.add(actor.account.account.id)
        if self._runs:
            self._go(actor)

    def _not_begun(self, actor: AccountActor, task: str, error: Exception) -> None:
        """Reported and halted; what a later try may mend is tried again, beside all others' trading."""
        name = actor.account.account.id
        self._halt(name, task, error)
        if actor.refused or (isinstance(error, VenueError) and error.transient):
            self._supervisor.start(f"{name} start again", self._begin_again(actor, error), partial(self._halt, name))

    async def _begin_again(self, actor: AccountActor, error: Exception) -> None:
        await self._clock.sleep(START_AGAIN_S)
        name, was_refused = actor.account.account.id, actor.refused
        await guard(
            f"{name} start",
            self._begin(actor, recovery.resume(actor, self._clock)),
            partial(self._not_begun, actor),
        )
        if name in self._up and self.halted.get(name) is error and not was_refused:
            del self.halted[name]
            actor.sender.resume()

    async def run(self, market_data: MarketData) -> None:
        """Catch up with the candles, then let everything run that is up, and what comes later as soon as it is."""
        await patiently(self._clock, market_data.catch_up)
        self._runs = True
        for actor in self.actors:
            # Who is still coming up goes when he is up: two tasks must never send for one account.
            if actor.account.account.id in self._up:
                self._go(actor)
        self._supervisor.start("market data", market_data.run(), self._market_data_failed)

    def _go(self, actor: AccountActor) -> None:
        actor.sender.on_failed = partial(self.halt, actor.account.account.id)
        self._run(actor, "events", lambda: actor.run(self._reconnect))
        self._run(actor, "orders", actor.sender.run)
        self.feed.admit(actor)

    async def _reconnect(self, actor: AccountActor) -> None:
        self.feed.lost(actor)
        await recovery.reconnect(actor, self._clock)
        self.feed.mended(actor)

    def _run(self, actor: AccountActor, what: str, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Run a part of an account. Whatever ends it halts the account; fills and protections go on all the same."""
        name = actor.account.account.id

        def failed(task: str, error: Exception) -> None:
            self._halt(name, task, error)
            if not actor.account.listening:
                actor.lost("it could not be opened again")
            self._run(actor, what, work)

        self._supervisor.start(f"{name} {what}", work(), failed)

    def _halt(self, account: AccountId, task: str, error: Exception) -> None:
        """Nothing new is decided for the account, and nothing that adds risk goes out. Fills are still booked, what the
        stream keeps back is still noticed, protections are still replaced."""
        self.halted.setdefault(account, error)
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
        for (strategy_id, markets), accounts in self._followers.items():
            mine = tuple(by_key[strategy_id, m] for m in markets if (strategy_id, m) in by_key)
            if not mine:
                continue
            event = CandlesClosed(time_ms=time_ms, signals=mine, late=late)
            for account in accounts:
                if account in self._kept:
                    self._kept[account].append(event)
                elif account not in self.halted:
                    self._by_account[account].post(event)
        self.feed.after_batch()

    def resume(self, account: AccountId) -> None:
        """Let an account enter again after somebody else had ordered on it: its owner says that this is over.

        Raises NothingToResume where entries are not off, and what halted the account where it is.
        """
        if account in self.halted:
            raise self.halted[account]
        actor = self.actor(account)
        if actor.account.foreign is None:
            raise NothingToResume(account=account)
        actor.post(EntriesResumed(time_ms=self._clock.now_ms()))

    async def stop(self) -> None:
        """Stop acting; protections stay at the venue."""
        await self.feed.stop()
        await self._supervisor.stop()
        await asyncio.gather(*(actor.gateway.close() for actor in self.actors))
