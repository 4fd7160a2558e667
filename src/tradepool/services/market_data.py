"""Candles in, signals out: each strategy computed once per market, for all users.

All candles with one T make one batch: it waits until each market's candle is there, or known missing. The stream only
fills an inbox; `run` does the work, so that whatever goes wrong there ends where it is heard of, and not in a handler.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tradepool.core.graph.market_step import MarketStep
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.candle import Candle
from tradepool.domain.errors import VenueError
from tradepool.domain.ids import MarketId, StrategyId
from tradepool.domain.market import Market
from tradepool.domain.signal import Signal
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import CandleFeed
from tradepool.ports.journal import Checkpoint, Journal
from tradepool.runtime import telemetry
from tradepool.services.backoff import Reconnecting

CANDLE_GRACE_S = 2.0
CHECKPOINT_BATCHES = 256

log = telemetry.logger(__name__)

OnBatch = Callable[[int, Sequence[Signal]], None]


@dataclass(slots=True)
class _Followed:
    """A market, the steps that read it, and how far they have come."""

    market: Market
    steps: dict[StrategyId, MarketStep] = field(default_factory=dict)
    last_open_ms: int = -1
    last_close: float = 0.0
    prompt: bool = True


@dataclass(slots=True)
class _Batch:
    """What has come of one T; `grace` runs out CANDLE_GRACE_S after its first candle."""

    signals: list[Signal] = field(default_factory=list)
    arrived: set[MarketId] = field(default_factory=set)
    grace: asyncio.Task[None] | None = None


class MarketData:
    """Follows markets of one venue and timeframe; `on_batch` gets each T's signals once, in order of T."""

    def __init__(
        self,
        feed: CandleFeed,
        clock: Clock,
        journal: Journal,
        timeframe_ms: int,
        strategies: Mapping[StrategyId, Strategy],
        follows: Sequence[tuple[StrategyId, Market]],
        on_batch: OnBatch,
    ) -> None:
        """`follows` names each strategy and market somebody's mandate wants."""
        self.candles = 0
        self._feed = feed
        self._clock = clock
        self._journal = journal
        self._timeframe_ms = timeframe_ms
        self._on_batch = on_batch
        self._followed: dict[MarketId, _Followed] = {}
        self._inbox: deque[Candle | int] = deque()
        self._wake = asyncio.Event()
        self._lost = ""
        self._reconnecting = Reconnecting(clock)
        self._collecting: dict[int, _Batch] = {}
        self._delivered_ms = -1
        self._batches = 0
        for strategy_id, market in follows:
            followed = self._followed.setdefault(market.id, _Followed(market))
            followed.steps[strategy_id] = MarketStep(strategies[strategy_id], timeframe_ms)

    # ---- starting, and starting again

    async def start(self) -> dict[MarketId, float]:
        """Load the saved steps, subscribe, and take in what was missed; the last closes known before that."""
        for checkpoint in self._journal.checkpoints():
            followed = self._followed.get(checkpoint.market)
            if followed is not None and checkpoint.strategy_id in followed.steps:
                followed.steps[checkpoint.strategy_id].load(checkpoint.state)
                followed.last_open_ms = checkpoint.time_ms - self._timeframe_ms
                followed.last_close = checkpoint.close
        closes = {m: f.last_close for m, f in self._followed.items() if f.last_close}
        await self._subscribe()
        return closes

    async def run(self) -> None:
        """Step over what comes, and mend the stream whenever it breaks, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._lost:
                await self._mend()
            while self._inbox and not self._lost:
                self._take(self._inbox.popleft())

    async def _mend(self) -> None:
        while self._lost:
            log.warning("candle stream lost", why=self._lost)
            await self._reconnecting.before_try()
            self._lost = ""
            try:
                await self._subscribe()
                await self.catch_up()
            except VenueError as error:
                self._lost = str(error)

    async def _subscribe(self) -> None:
        markets = [followed.market for followed in self._followed.values()]
        await self._feed.subscribe(markets, self._timeframe_ms, self._post, self._on_lost)
        self._reconnecting.connected()

    def _post(self, item: Candle | int) -> None:
        self._inbox.append(item)
        self._wake.set()

    def _on_lost(self, why: str) -> None:
        self._lost = why or "lost"
        self._wake.set()

    async def catch_up(self) -> None:
        """Step over the candles that closed since the steps were saved; later ones come by the stream.

        The cut is the venue's time after the subscription: what closed before it is asked for, what closes after it is
        streamed, and a market's candle up to it that is not there now does not exist.
        """
        now_ms = await self._feed.time_ms()
        missed: list[Candle] = []
        for followed in self._followed.values():
            missed += await self._feed.history(followed.market, self._timeframe_ms, self._since(followed))
        for candle in missed:
            if candle.close_time_ms <= now_ms:
                self._collect(candle)
        for time_ms in sorted(time_ms for time_ms in self._collecting if time_ms <= now_ms):
            self._deliver(time_ms, self._collecting.pop(time_ms))
        for followed in self._followed.values():
            followed.prompt = True

    def _since(self, followed: _Followed) -> int:
        if followed.last_open_ms >= 0:
            return followed.last_open_ms + 1
        bars = max(step.history for step in followed.steps.values())
        return max(0, self._clock.now_ms() - bars * self._timeframe_ms)

    # ---- candles

    def _take(self, item: Candle | int) -> None:
        """A candle, or the T of a batch that need not wait any longer."""
        if isinstance(item, int):
            if item in self._collecting:
                self._complete(item)
            return
        batch = self._collect(item)
        if batch is None:
            return
        time_ms = item.close_time_ms
        if time_ms <= self._delivered_ms or all(m in batch.arrived for m, f in self._followed.items() if f.prompt):
            self._complete(time_ms)
        elif batch.grace is None:
            batch.grace = asyncio.create_task(self._after_grace(time_ms))

    def _collect(self, candle: Candle) -> _Batch | None:
        """Step over a candle and add its signals to its batch; None for a candle already seen."""
        signals = self._step(candle)
        if not signals:
            return None
        batch = self._collecting.setdefault(candle.close_time_ms, _Batch())
        batch.signals += signals
        batch.arrived.add(candle.market.id)
        return batch

    async def _after_grace(self, time_ms: int) -> None:
        await self._clock.sleep(CANDLE_GRACE_S)
        self._post(time_ms)

    def _complete(self, time_ms: int) -> None:
        """A market that missed a batch is not waited for again until it is back."""
        for older in sorted(t for t in self._collecting if t <= time_ms):
            batch = self._collecting.pop(older)
            for market, followed in self._followed.items():
                if market in batch.arrived:
                    followed.prompt = True
                elif older > self._delivered_ms:
                    followed.prompt = False
            self._deliver(older, batch)

    def _step(self, candle: Candle) -> list[Signal]:
        """Advance every strategy that reads the candle's market; a candle already seen gives nothing."""
        followed = self._followed[candle.market.id]
        if candle.open_time_ms <= followed.last_open_ms:
            return []
        followed.last_open_ms, followed.last_close = candle.open_time_ms, candle.close
        self.candles += 1
        clock = candle.open_time_ms // self._timeframe_ms
        signals = []
        for strategy_id, step in followed.steps.items():
            row = step.advance_bar(candle.open, candle.high, candle.low, candle.close, candle.volume, clock)
            signals.append(
                Signal(
                    strategy_id=strategy_id,
                    market=candle.market.id,
                    time_ms=candle.close_time_ms,
                    exposure=row.exposure,
                    previous_exposure=row.previous_exposure,
                    stop_distance=row.stop_distance,
                    trail_distance=row.trail_distance,
                    trail_step=row.trail_step,
                    close=candle.close,
                    high=candle.high,
                )
            )
        return signals

    def _deliver(self, time_ms: int, batch: _Batch) -> None:
        if batch.grace is not None:
            batch.grace.cancel()
        self._delivered_ms = max(self._delivered_ms, time_ms)
        self._on_batch(time_ms, batch.signals)
        self._batches += 1
        if self._batches % CHECKPOINT_BATCHES == 0:
            self.save()

    def save(self) -> None:
        """Write down where every step stands."""
        self._journal.save_checkpoints(
            [
                Checkpoint(
                    strategy_id=strategy_id,
                    market=market,
                    time_ms=followed.last_open_ms + self._timeframe_ms,
                    close=followed.last_close,
                    state=step.save(),
                )
                for market, followed in self._followed.items()
                if followed.last_open_ms >= 0
                for strategy_id, step in followed.steps.items()
            ]
        )
