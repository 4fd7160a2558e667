"""Minimal execution: one unit long while the level is up, a fee, an optional stop; fills at the next open, in floats.

The same work as array engines do, so that trades and equity can be compared with theirs to the last digits. The stop
lies below the price bought at; a bar that opens through it fills at its open, else the stop fills at its level.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tradepool.core.compiler.functions import Function
from tradepool.core.compiler.runners import Runner, load
from tradepool.core.graph.step import StepSource, fused_step
from tradepool.core.market.align import columns
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import NOTHING
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import InvalidInput

ARGUMENTS = ("account: Floats", "fills: Floats", "fee: float")
START = ("cash = account[0]", "held = 0.0", "wish = 0.0", "level = 0.0", "filled = 0")
# Orders come at random, so they are arithmetic, not branches: a fill is written at every bar, and kept if it was one.
# A level of zero is no stop; without a stop in the graph the compiler drops all that is about it.
BEFORE = (
    "fills[2 * filled] = to_float(i)",
    "fills[2 * filled + 1] = open_[i]",
    "filled += 1 if wish != 0.0 else 0",
    "cash -= (wish + fee * absolute(wish)) * open_[i]",
    "held += wish",
    "if wish != 0.0:",
    "    level = where(wish > 0.0 and stop_distance > 0.0, open_[i] - stop_distance, 0.0)",
    "if low[i] <= level:",
    "    price = minimum(open_[i], level)",
    "    cash += price - fee * price",
    "    held = 0.0",
    "    level = 0.0",
    "    fills[2 * filled] = to_float(i)",
    "    fills[2 * filled + 1] = price",
    "    filled += 1",
)
# Up: buy one; down: sell what is held, which is nothing after a stop.
AFTER = ("wish = maximum(exposure - previous_exposure, -held)",)
FINISH = ("account[0] = cash + held * close[i1 - 1]", "account[1] = to_float(filled)")


class LongOnly(InvalidInput):
    """Strategy {strategy} shorts, and minimal execution is long only; use core.backtest.run."""


@dataclass(frozen=True, slots=True)
class UnitResult:
    """Closed trades, shape [trades, 4]: bar and price of the entry, bar and price of the exit.

    `final_equity` is cash and what is held at the last close.
    """

    trades: NDArray[np.float64]
    final_equity: float


def unit_step(strategy: Strategy, timeframe_ms: int, varying: Collection[str] = ()) -> StepSource:
    """The step; parameters in `varying` differ from column to column, and so do `account` and `fills`."""
    graph, name = strategy.graph, "unit_run"
    return fused_step(graph, name, ARGUMENTS, BEFORE, AFTER, START, FINISH, timeframe_ms=timeframe_ms, varying=varying)


def unit_run(strategy: Strategy, bars: Bars, cash: float, fee: float, runner: Runner = "any") -> UnitResult:
    """One run over all bars; what is decided at the last close finds no open to fill at. Raises LongOnly."""
    if strategy.shorts:
        raise LongOnly(strategy=strategy.name)
    source, step = _prepared(strategy, bars.timeframe_ms, runner)
    account = np.array([cash, 0.0])
    # A fill a bar, one more by a stop of a bar that was bought at its open, and the place written in vain.
    fills = np.empty(2 * (2 * len(bars) + 1))
    state, row = np.zeros(source.state_size), source.rows(strategy.values)[0]
    step(state, NOTHING, row, NOTHING, *columns(source, bars), 0, len(bars), account, fills, fee)
    closed = int(account[1]) // 2
    return UnitResult(fills[: 4 * closed].reshape(-1, 4), float(account[0]))


@lru_cache(maxsize=64)
def _prepared(strategy: Strategy, timeframe_ms: int, runner: Runner) -> tuple[StepSource, Function]:
    source = unit_step(strategy, timeframe_ms)
    return source, load(source.program, runner, [source.name])[source.name]
