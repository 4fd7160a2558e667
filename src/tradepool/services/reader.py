"""One strategy on one market, live: its step, how far it has come, and other markets' candles that wait for it.

The step sees of another market exactly the bars that opened no later than the bar it steps over, as in a backtest. So
one number says where it stands: what opened up to `last_open_ms` is in its state, of every market it reads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from tradepool.core.graph.step import StepSource, market_step
from tradepool.core.market.bars import Bars
from tradepool.core.market.kept_bars import KeptBars
from tradepool.core.market.market_step import MarketStep
from tradepool.core.strategies.explain import explained, questions
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.candle import Candle
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import MarketId, StrategyId
from tradepool.domain.market import Market
from tradepool.domain.signal import Signal
from tradepool.ports.journal import Checkpoint

# Candles asked for at a start, a market: 200 requests at a thousand each.
HISTORY_BARS_MAX = 200_000
# What an explanation sees: the warm-up and so many more bars to say for how long something has been so; a megabyte at most.
SINCE_BARS, EXPLAINED_BARS_MAX = 200, 10_000


class NoSourceYet(InvalidInput):
    """Strategy {strategy} reads {names} from outside, which only a backtest from Python can give so far: tradepool.core.backtest.run.run(..., externals=...)."""


class HistoryTooLong(InvalidInput):
    """Strategy {strategy} needs {bars:,} bars of history before it can trade, {most:,} at most; use shorter windows or a longer timeframe."""


class Reader:
    """Reads `market`, its own, and `others`; `last_open_ms` is the last bar it stepped over, -1 before the first.

    It steps over no bar that opened before `begin_ms`: other markets are not known from further back.
    """

    def __init__(
        self,
        strategy_id: StrategyId,
        strategy: Strategy,
        market: Market,
        timeframe_ms: int,
        listed: dict[str, Market],
    ) -> None:
        """`listed` are the venue's markets by symbol, at least those that the strategy reads beside its own."""
        self.strategy_id = strategy_id
        self.market = market
        self.last_open_ms = self.begin_ms = -1
        self._last_close = 0.0
        self._timeframe_ms = timeframe_ms
        self._step = MarketStep(strategy, timeframe_ms)
        self.others = [listed[symbol] for symbol in self._step.source.others]
        self._waiting: dict[MarketId, deque[Candle]] = {other.id: deque() for other in self.others}
        self._strategy = strategy
        self._kept: dict[MarketId, KeptBars] = {}
        if strategy.words or strategy.confidence is not None:
            # Compiled now: the first entry does not wait for it.
            questions(strategy, timeframe_ms)
            self._kept = {each.id: KeptBars(timeframe_ms, self._explains) for each in (market, *self.others)}

    @property
    def history(self) -> int:
        """Bars of each of its markets it has to be fed before the first one that counts."""
        return self._step.history

    @property
    def _explains(self) -> int:
        return min(self.history + SINCE_BARS, EXPLAINED_BARS_MAX)

    @property
    def lacks_from_ms(self) -> int:
        """From when on it lacks candles after a restart: its step those since the last, its explanations older ones too."""
        return max(0, self.last_open_ms + 1 - (self._explains * self._timeframe_ms if self._kept else 0))

    @property
    def is_new(self) -> bool:
        """Whether it has not stepped over any bar yet."""
        return self.last_open_ms < 0

    def is_due(self, candle: Candle) -> bool:
        """Whether a candle is of its own market and the next to step over."""
        return candle.market.id == self.market.id and candle.open_time_ms >= max(self.begin_ms, self.last_open_ms + 1)

    def wait(self, candle: Candle) -> None:
        """Keep another market's candle for the next step; what the step has already is kept to explain later ones."""
        if candle.open_time_ms <= self.last_open_ms:
            self._keep(candle)
        elif candle.market.id in self._waiting:
            self._waiting[candle.market.id].append(candle)

    def _keep(self, candle: Candle) -> None:
        kept = self._kept.get(candle.market.id)
        if kept is not None:
            kept.take(candle.open_time_ms, (candle.open, candle.high, candle.low, candle.close, candle.volume))

    def advance(self, candle: Candle) -> Signal:
        """Step over the next bar of its own market, and what came of others up to then.

        A signal that enters has its confidence and reason, where the strategy has words or a confidence of its own.
        """
        clock = candle.open_time_ms // self._timeframe_ms
        others = {other.symbol: self._taken(other.id, candle.open_time_ms) for other in self.others}
        row = self._step.advance_bar(
            candle.open, candle.high, candle.low, candle.close, candle.volume, clock, others or None
        )
        self.last_open_ms, self._last_close = candle.open_time_ms, candle.close
        signal = Signal(
            strategy_id=self.strategy_id,
            market=candle.market.id,
            time_ms=candle.close_time_ms,
            exposure=row.exposure,
            previous_exposure=row.previous_exposure,
            stop_distance=row.stop_distance,
            trail_distance=row.trail_distance,
            trail_step=row.trail_step,
            first_target=row.first_target,
            second_target=row.second_target,
            target_share=row.target_share,
            break_even=row.break_even,
            hold_ms=row.hold_ms,
            close=candle.close,
            high=candle.high,
            open_ms=candle.open_time_ms,
        )
        self._keep(candle)
        return self._explained(signal) if self._kept and signal.enters else signal

    def _explained(self, signal: Signal) -> Signal:
        others = {other.symbol: self._kept[other.id].bars() for other in self.others}
        return explained(signal, self._strategy, self._kept[self.market.id].bars(), others)

    def _taken(self, other: MarketId, until_ms: int) -> Bars:
        waiting, taken = self._waiting[other], list[Candle]()
        while waiting and waiting[0].open_time_ms <= until_ms:
            taken.append(waiting.popleft())
            self._keep(taken[-1])
        return bars_of(taken, self._timeframe_ms)

    def checkpoint(self) -> Checkpoint:
        """Where it stands."""
        return Checkpoint(
            strategy_id=self.strategy_id,
            market=self.market.id,
            time_ms=self.last_open_ms + self._timeframe_ms,
            close=self._last_close,
            state=self._step.save(),
        )

    def load(self, checkpoint: Checkpoint) -> None:
        """Go on from there. Raises StateMismatch and StateDamaged."""
        self._step.load(checkpoint.state)
        self.last_open_ms, self._last_close = checkpoint.time_ms - self._timeframe_ms, checkpoint.close


def source_of(strategy: Strategy, timeframe_ms: int) -> StepSource:
    """The market step of a strategy, whose `others` are the markets it reads.

    Raises NoSourceYet, NotAMultiple and HistoryTooLong.
    """
    source = market_step(strategy.graph, timeframe_ms=timeframe_ms)
    if source.externals:
        raise NoSourceYet(strategy=strategy.name, names=", ".join(item.name for item in source.externals))
    bars = source.warm_up(strategy.values) or source.lookback(strategy.values)
    if bars > HISTORY_BARS_MAX:
        raise HistoryTooLong(strategy=strategy.name, bars=bars, most=HISTORY_BARS_MAX)
    return source


def bars_of(candles: Sequence[Candle], timeframe_ms: int) -> Bars:
    """Candles of one market in order, as columns.

    >>> len(bars_of([], 60_000))
    0
    """
    rows = [(c.open, c.high, c.low, c.close, c.volume) for c in candles]
    return Bars(timeframe_ms, np.array([c.open_time_ms for c in candles]), *np.array(rows).reshape(-1, 5).T)
