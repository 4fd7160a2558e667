"""Candles in, signals out: each strategy computed once per market, for all users.

All candles with one T make one batch: it waits until each market's candle is there, or known missing.
"""

from __future__ import annotations

import asyncio
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

CANDLE_GRACE_S = 2.0
CHECKPOINT_BATCHES = 256
RETRY_FIRST_S = 0.5
RETRY_MAX_S = 60.0

OnBatch = Callable[[int, Sequence[Signal]], None]


@dataclass(slots=True)
class _Followed:
    """A market, the steps that read it, and how far they have come."""

    market: Market
    steps: dict[StrategyId, MarketStep] = field(default_factory=dict)
    last_open_ms: int = -1
    last_close: float = 0.0
    prompt: bool = True


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
        self._collecting: dict[int, list[Signal]] = {}
        self._arrived: dict[int, set[MarketId]] = {}
        self._held: list[Candle] | None = []
        self._grace: dict[int, asyncio.Task[None]] = {}
        self._batches = 0
        self._lost = asyncio.Event()
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
        """Mend the stream whenever it breaks, until cancelled."""
        while True:
            await self._lost.wait()
            self._lost.clear()
            self._held, wait_s = [], RETRY_FIRST_S
            while not await self._mended():
                await self._clock.sleep(wait_s)
                wait_s = min(2 * wait_s, RETRY_MAX_S)

    async def _mended(self) -> bool:
        try:
            await self._subscribe()
            await self.catch_up()
        except VenueError:
            return False
        return True

    async def _subscribe(self) -> None:
        markets = [followed.market for followed in self._followed.values()]
        await self._feed.subscribe(markets, self._timeframe_ms, self._on_candle, lambda why: self._lost.set())

    async def catch_up(self) -> None:
        """Step over the candles that closed since the steps were saved, then over those the stream brought meanwhile."""
        missed: dict[int, list[Candle]] = {}
        for followed in self._followed.values():
            for candle in await self._feed.history(followed.market, self._timeframe_ms, self._since(followed)):
                missed.setdefault(candle.close_time_ms, []).append(candle)
        for time_ms in sorted(missed):
            signals = [signal for candle in missed[time_ms] for signal in self._step(candle)]
            if signals:
                self._deliver(time_ms, signals)
        held, self._held = self._held or [], None
        for candle in held:
            self._on_candle(candle)

    def _since(self, followed: _Followed) -> int:
        if followed.last_open_ms >= 0:
            return followed.last_open_ms + 1
        bars = max(step.warm_up for step in followed.steps.values())
        return max(0, self._clock.now_ms() - bars * self._timeframe_ms)

    # ---- candles

    def _on_candle(self, candle: Candle) -> None:
        if self._held is not None:
            self._held.append(candle)
            return
        signals = self._step(candle)
        if not signals:
            return
        time_ms = candle.close_time_ms
        self._collecting.setdefault(time_ms, []).extend(signals)
        arrived = self._arrived.setdefault(time_ms, set())
        arrived.add(candle.market.id)
        if all(f.market.id in arrived for f in self._followed.values() if f.prompt):
            self._complete(time_ms)
        elif time_ms not in self._grace:
            self._grace[time_ms] = asyncio.create_task(self._after_grace(time_ms))

    async def _after_grace(self, time_ms: int) -> None:
        await self._clock.sleep(CANDLE_GRACE_S)
        self._grace.pop(time_ms, None)
        if time_ms in self._collecting:
            self._complete(time_ms)

    def _complete(self, time_ms: int) -> None:
        """A market that missed a batch is not waited for again until it is back."""
        for older in sorted(t for t in self._collecting if t <= time_ms):
            arrived = self._arrived.pop(older)
            for followed in self._followed.values():
                followed.prompt = followed.market.id in arrived
            grace = self._grace.pop(older, None)
            if grace is not None:
                grace.cancel()
            self._deliver(older, self._collecting.pop(older))

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

    def _deliver(self, time_ms: int, signals: Sequence[Signal]) -> None:
        self._on_batch(time_ms, signals)
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
