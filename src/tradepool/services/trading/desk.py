"""All accounts of a deployment: each T's signals fanned out to the actors whose mandates follow them.

One account's failure stops that account, loudly, and no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial

from tradepool.domain.event import CandlesClosed
from tradepool.domain.ids import AccountId, MarketId, StrategyId
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

Follows = tuple[StrategyId, tuple[MarketId, ...]]


class TradingDesk:
    """Runs the actors beside each other. `halted` names the accounts that failed, with the error."""

    def __init__(
        self,
        actors: Sequence[AccountActor],
        clock: Clock,
        journal: Journal,
        timeframe_ms: int,
        every_ms: Mapping[Exposure, int] | None = None,
    ) -> None:
        """The actors are not started yet. `every_ms` is how often accounts are read; None: never."""
        self.actors = actors
        self.feed = AccountFeed(clock, every_ms, self.halt)
        self.halted: dict[AccountId, Exception] = {}
        self._clock = clock
        self._journal = journal
        self._timeframe_ms = timeframe_ms
        self._supervisor = Supervisor()
        self._by_account = {actor.account.account.id: actor for actor in actors}
        self._followers: dict[Follows, list[AccountActor]] = {}
        for actor in actors:
            mandate = actor.account.mandate
            self._followers.setdefault((mandate.strategy_id, tuple(mandate.markets)), []).append(actor)

    @property
    def busy(self) -> list[AccountId]:
        """Accounts that were told or sent something that is not answered yet."""
        return [a.account.account.id for a in self.actors if a.account.account.id not in self.halted and a.busy]

    async def start(self, market_data: MarketData) -> None:
        """Recover every account and the market steps, then let everything run."""
        closes = await patiently(self._clock, market_data.start)
        for actor in self.actors:
            name = actor.account.account.id
            await guard(f"{name} start", recovery.start(actor, self._journal, self._clock), partial(self._halt, name))
            # After the journal, whose last candle may be older than the last checkpoint.
            for market, close in closes.items():
                if market in actor.account.slots:
                    actor.account.mark(market, close)
        await patiently(self._clock, market_data.catch_up)
        for actor in self.actors:
            if actor.account.account.id not in self.halted:
                self._run(actor, "events", actor.run(self._reconnect))
                self._run(actor, "orders", actor.sender.run())
                self.feed.admit(actor)
        self._supervisor.start("market data", market_data.run(), self._market_data_failed)

    async def _reconnect(self, actor: AccountActor) -> None:
        self.feed.lost(actor)
        await recovery.reconnect(actor, self._clock)
        self.feed.mended(actor)

    def _run(self, actor: AccountActor, what: str, work: Coroutine[object, object, None]) -> None:
        name = actor.account.account.id
        self._supervisor.start(f"{name} {what}", work, partial(self._halt, name))

    def _halt(self, account: AccountId, task: str, error: Exception) -> None:
        """Nothing new is decided for the account, and nothing that adds risk goes out; fills are still booked."""
        self.halted.setdefault(account, error)
        self._by_account[account].sender.halt()
        self.feed.drop(account)

    def _market_data_failed(self, task: str, error: Exception) -> None:
        self.halt_all(error)

    def halt(self, account: AccountId, error: Exception) -> None:
        """Stop one account."""
        self._halt(account, "account", error)

    def halt_all(self, error: Exception) -> None:
        """Stop every account for the same reason."""
        for actor in self.actors:
            self._halt(actor.account.account.id, "all accounts", error)

    def on_batch(self, time_ms: int, signals: Sequence[Signal]) -> None:
        """Give each group of accounts that follow the same strategy and markets its signals, as one shared event."""
        by_key: Mapping[tuple[StrategyId, MarketId], Signal] = {(s.strategy_id, s.market): s for s in signals}
        late = self._clock.now_ms() >= time_ms + ENTRY_MAX_AGE_BARS * self._timeframe_ms
        for (strategy_id, markets), actors in self._followers.items():
            mine = tuple(by_key[strategy_id, m] for m in markets if (strategy_id, m) in by_key)
            if not mine:
                continue
            event = CandlesClosed(time_ms=time_ms, signals=mine, late=late)
            for actor in actors:
                if actor.account.account.id not in self.halted:
                    actor.post(event)
        self.feed.after_batch()

    async def stop(self) -> None:
        """Stop acting; protections stay at the venue."""
        await self.feed.stop()
        await self._supervisor.stop()
        await asyncio.gather(*(actor.gateway.close() for actor in self.actors))
