"""One strategy on one market, live: its step, how far it has come, and other markets' candles that wait for it.

The step sees of another market exactly the bars that opened no later than the bar it steps over, as in a backtest. So
one number says where it stands: what opened up to `last_open_ms` is in its state, of every market it reads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from tradepool.core.graph.bars import Bars
from tradepool.core.graph.market_step import MarketStep
from tradepool.core.graph.step import StepSource, market_step
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.candle import Candle
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import MarketId, StrategyId
from tradepool.domain.market import Market
from tradepool.domain.signal import Signal
from tradepool.ports.journal import Checkpoint

# Candles asked for at a start, a market: 200 requests at a thousand each.
HISTORY_BARS_MAX = 200_000


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

    @property
    def history(self) -> int:
        """Bars of each of its markets it has to be fed before the first one that counts."""
        return self._step.history

    @property
    def is_new(self) -> bool:
        """Whether it has not stepped over any bar yet."""
        return self.last_open_ms < 0

    def is_due(self, candle: Candle) -> bool:
        """Whether a candle is of its own market and the next to step over."""
        return candle.market.id == self.market.id and candle.open_time_ms >= max(self.begin_ms, self.last_open_ms + 1)

    def wait(self, candle: Candle) -> None:
        """Keep another market's candle for the next step; nothing, if it reads no such market or has it already."""
        if candle.market.id in self._waiting and candle.open_time_ms > self.last_open_ms:
            self._waiting[candle.market.id].append(candle)

    def advance(self, candle: Candle) -> Signal:
        """Step over the next bar of its own market, and what came of others up to then."""
        clock = candle.open_time_ms // self._timeframe_ms
        others = {other.symbol: self._taken(other.id, candle.open_time_ms) for other in self.others}
        row = self._step.advance_bar(
            candle.open, candle.high, candle.low, candle.close, candle.volume, clock, others or None
        )
        self.last_open_ms, self._last_close = candle.open_time_ms, candle.close
        return Signal(
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
        )

    def _taken(self, other: MarketId, until_ms: int) -> Bars:
        waiting, taken = self._waiting[other], list[Candle]()
        while waiting and waiting[0].open_time_ms <= until_ms:
            taken.append(waiting.popleft())
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
