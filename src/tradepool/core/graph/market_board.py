"""Several strategies on many markets at once: what live trading of a whole exchange asks for at each T.

The same steps as `MarketStep`'s, markets side by side in vector registers: one call for all of them, the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tradepool.core.compiler.native import ColumnsFunction, lanes_of_machine, load_columns
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.market_step import NOTHING, Declared
from tradepool.core.graph.step import StepSource, market_step
from tradepool.domain.errors import InvalidInput

PRICES = ("open_", "high", "low", "close", "volume")


class NotForABoard(InvalidInput):
    """Strategy {name} reads {what} beside each market's own bars; give it a MarketStep for each market."""


class WrongPrices(InvalidInput):
    """The board is of {markets} markets and takes open, high, low, close and volume of each, shape {wanted}, not {given}."""


class MarketBoard:
    """Strategies, each stepping over the same markets; `states[k]` is [group, row, lane] of strategy k.

    >>> from tradepool.core.graph.expr import close, constant, open_
    >>> from tradepool.core.graph.step import Graph
    >>> class Up:
    ...     graph, values = Graph(close > open_, close < open_, constant(0), constant(0), constant(0)), {}
    ...     def strategy_id(self, timeframe_ms: int) -> str:
    ...         return "up"
    >>> board = MarketBoard([Up()], 60_000, markets=3)
    >>> board.advance(np.array([[1.0, 1, 1], [2, 2, 2], [1, 1, 1], [2, 1, 0], [5, 5, 5]]), clock=0)[0, 0].tolist()
    [1.0, 0.0, 0.0]
    """

    def __init__(self, strategies: Sequence[Declared], timeframe_ms: int, markets: int) -> None:
        """Start before the first bar. Raises NotForABoard, and NativeUnavailable where LLVM is missing."""
        self.markets, self.lanes = markets, lanes_of_machine()
        self.groups = -(-markets // self.lanes)
        self._steps: list[tuple[StepSource, ColumnsFunction, Floats]] = []
        self._widths: list[int] = []
        self.states: list[Floats] = []
        for strategy in strategies:
            source = market_step(strategy.graph, timeframe_ms=timeframe_ms)
            if source.others or source.externals:
                what = ", ".join([*source.others, *(item.name for item in source.externals)])
                raise NotForABoard(name=strategy.strategy_id(timeframe_ms), what=what)
            run = load_columns(source.program, source.name, ["state", *PRICES, "outputs"], self.lanes)
            self._steps.append((source, run, source.rows(strategy.values)[0]))
            self._widths.append(strategy.graph.columns)
            self.states.append(np.zeros((self.groups, source.state_size, self.lanes)))
        self._prices = np.zeros((len(PRICES), self.groups, 1, self.lanes))

    def advance(self, prices: Floats, clock: int, there: NDArray[np.bool_] | None = None) -> Floats:
        """Step every strategy over one bar of each market; gives market rows [strategy, column, market].

        `prices` is open, high, low, close, volume by market, `clock` the bar's open time over the timeframe. Markets
        that are not `there` (default: all are) do not step; their rows mean nothing. Raises WrongPrices.
        """
        if prices.shape != (len(PRICES), self.markets):
            wanted = (len(PRICES), self.markets)
            raise WrongPrices(markets=self.markets, wanted=wanted, given=prices.shape)
        self._prices.reshape(len(PRICES), -1)[:, : self.markets] = prices
        absent = None if there is None else np.divmod(np.flatnonzero(~there), self.lanes)
        rows = np.zeros((len(self._steps), max(self._widths, default=0), self.markets))
        for at, ((_, run, parameters), state) in enumerate(zip(self._steps, self.states, strict=True)):
            kept = None if absent is None else state[absent[0], :, absent[1]]
            clocks = np.array([clock])
            outputs = np.empty((self.groups, self._widths[at], self.lanes))
            run(state, NOTHING, parameters, NOTHING, *self._prices, clocks, 0, 1, outputs, groups=self.groups)
            if absent is not None:
                state[absent[0], :, absent[1]] = kept
            width = self._widths[at]
            rows[at, :width] = outputs.transpose(1, 0, 2).reshape(width, -1)[:, : self.markets]
        return rows
