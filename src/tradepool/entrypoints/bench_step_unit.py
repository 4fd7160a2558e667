"""Minimal execution: one unit long while the level is up, a fee, an optional stop; fills at the next open, in floats.

The same work as array engines do, so that trades and equity can be compared with theirs to the last digits. The stop
lies below the price bought at; a bar that opens through it fills at its open, else the stop fills at its level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tradepool.core.graph.bars import Bars
from tradepool.core.graph.functions import Function
from tradepool.core.graph.market_step import clock_of, load, parameter_row
from tradepool.core.graph.program import Program
from tradepool.core.graph.step import StepSource, fused_step
from tradepool.core.graph.vocabulary import Floats, to_float
from tradepool.core.strategies.strategy import Strategy

# of the account row
CASH = 0
TRADES = 1
UNITS = 2
ACCOUNT_SIZE = 3

# of a trade row
ENTRY_BAR = 0
ENTRY_PRICE = 1
EXIT_BAR = 2
EXIT_PRICE = 3
TRADE_SIZE = 4

ARGUMENTS = ("account: Floats", "trades: Floats", "fee: float", "last: int")
START = (
    "cash = account[0]",
    "closed = 0",
    "wish = 0",
    "held = False",
    "level = 0.0",
)
BEFORE = (
    "if wish != 0:",
    "    if wish == 1:",
    "        cash -= open_[i] + fee * open_[i]",
    "        held = True",
    "        level = open_[i] - stop_distance if stop_distance > 0.0 else 0.0",
    "        bought(trades, closed, i, open_[i])",
    "    else:",
    "        cash += open_[i] - fee * open_[i]",
    "        held = False",
    "        sold(trades, closed, i, open_[i])",
    "        closed += 1",
    "    wish = 0",
    "if held and low[i] <= level:",
    "    price = minimum(open_[i], level)",
    "    cash += price - fee * price",
    "    held = False",
    "    sold(trades, closed, i, price)",
    "    closed += 1",
)
AFTER = (
    "if exposure != previous_exposure and i < last:",
    "    if exposure > previous_exposure:",
    "        wish = 1",
    "    elif held:",
    "        wish = -1",
)
FINISH = ("account[0] = cash", "account[1] = to_float(closed)", "account[2] = where(held, 1.0, 0.0)")


@dataclass(frozen=True, slots=True)
class UnitResult:
    """Closed trades, shape [trades, TRADE_SIZE], and cash with what is held at the last close."""

    trades: NDArray[np.float64]
    final_equity: float


def bought(trades: Floats, closed: int, bar: int, price: float) -> None:
    """Begin a trade's row."""
    trades[closed * TRADE_SIZE + ENTRY_BAR] = to_float(bar)
    trades[closed * TRADE_SIZE + ENTRY_PRICE] = price


def sold(trades: Floats, closed: int, bar: int, price: float) -> None:
    """Complete it."""
    trades[closed * TRADE_SIZE + EXIT_BAR] = to_float(bar)
    trades[closed * TRADE_SIZE + EXIT_PRICE] = price


def unit_run(
    strategy: Strategy, bars: Bars, cash: float, fee: float, runner: Literal["native", "reference"] = "native"
) -> UnitResult:
    """One run over all bars; a position still open at the end is valued at the last close, without a fee."""
    source, step = _prepared(strategy, runner)
    account = np.array([cash, 0.0, 0.0])
    trades = np.empty((len(bars) // 2 + 1) * TRADE_SIZE)
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, clock_of(bars))
    row = parameter_row(source, strategy.values)
    step(np.zeros(source.state_size), row, *columns, 0, len(bars), account, trades, fee, len(bars) - 1)
    closed = int(account[TRADES])
    return UnitResult(
        trades[: closed * TRADE_SIZE].reshape(-1, TRADE_SIZE), float(account[CASH] + account[UNITS] * bars.close[-1])
    )


@lru_cache(maxsize=64)
def _prepared(strategy: Strategy, runner: Literal["native", "reference"]) -> tuple[StepSource, Function]:
    source = fused_step(strategy.graph, "unit_run", ARGUMENTS, BEFORE, AFTER, START, FINISH)
    return source, load(Program.of(bought, sold) + source.program, runner, ["unit_run"])["unit_run"]
