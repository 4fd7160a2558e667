"""Our side of the step benchmark: each function prepares one work and gives what is to be timed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import count

import numpy as np

from tradepool.core.backtest.loop import SPREAD, fused
from tradepool.core.backtest.run import Setting, run
from tradepool.core.backtest.sweep import sweep
from tradepool.core.backtest.unit_run import unit_run
from tradepool.core.compiler import native
from tradepool.core.compiler.program import Program
from tradepool.core.graph.step import market_step
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_board import MarketBoard
from tradepool.core.strategies import catalog
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.market import Market
from tradepool.entrypoints.bench_step_work import CASH, FEE, LENGTHS, MINUTE_MS, STRATEGIES, swept_account
from tradepool.simexchange.market_model import model_market

ACCOUNT_CROSS = "moving_average_cross"
WEIGHT = Decimal("0.01")
TICK = STEP = Decimal("0.0001")
BOARD_MARKETS, BOARD_FAST = 1_000, (8, 10, 12, 14, 16)
CHAIN = """def chain(values: Floats, weight: float, n: int) -> float:
    average = values[0]
    for i in range(n):
        average = average + weight * (values[i] - average)
    return average"""
_number = count()


def chain(bars: Bars) -> Callable[[], float]:
    """An exponential average and nothing else: three dependent operations a bar, which no engine can undercut."""
    function = native.load(Program.of_text(CHAIN))["chain"]
    return lambda: float(function(bars.close, 2 / 13, len(bars)))


def minimal(strategy: str, bars: Bars) -> Callable[[], int]:
    """Minimal execution of a strategy of the comparison; the number of its trades."""
    return lambda: len(unit_run(STRATEGIES[strategy], bars, CASH, FEE).trades)


def account_cross(bars: Bars) -> Callable[[], int]:
    """The cross through the whole account part: ticks, steps, fees, stop, trailing stop, list of trades."""
    market, setting = _market(), Setting(cash=Decimal(CASH), weight=WEIGHT, slippage_bp=0)
    strategy = catalog.named(ACCOUNT_CROSS)
    return lambda: len(run(strategy, market, bars, setting).round_trips)


def swept(bars: Bars, threads: int = 1) -> Callable[[], int]:
    """A thousand sets of lengths through the whole account part, long and short, with everything it can do."""
    strategy, sets = swept_account(), dict(zip(("fast", "slow"), np.array(LENGTHS).T, strict=True))
    market, setting = _market(), Setting(cash=Decimal(CASH), weight=WEIGHT)
    return lambda: int(sweep(strategy, market, bars, setting, sets, threads=threads).trades.sum())


def compile_account_cross(*, lanes: bool) -> float:
    """Milliseconds of CPU from a graph to machine code of its whole backtest, in a process that has compiled before."""
    # A function that nobody calls makes it a program not compiled yet; what seldom runs was compiled before.
    unique = Program.of_text(f"def round_{next(_number)}() -> int:\n    return 0")
    began = time.process_time()
    strategy = catalog.named(ACCOUNT_CROSS)
    step, program = fused(strategy, MINUTE_MS, [item.name for item in strategy.parameters] if lanes else [])
    if lanes:
        native.load_columns(program + unique, step.name, SPREAD)
    else:
        native.load(program + unique, [step.name])
    return 1000 * (time.process_time() - began)


def board(bars: Bars) -> Callable[[], object]:
    """One bar of a thousand markets through five strategies, in one call."""
    cross = catalog.named(ACCOUNT_CROSS)
    strategies = [cross.with_parameters({"fast": fast}) for fast in BOARD_FAST]
    made = MarketBoard(strategies, MINUTE_MS, BOARD_MARKETS)
    part = bars.slice(0, BOARD_MARKETS)
    prices = np.array([part.open, part.high, part.low, part.close, part.volume])
    clock = count()
    for _ in range(bars_to_a_value(strategies)):
        made.advance(prices, next(clock))
    return lambda: made.advance(prices, next(clock))


def bars_to_a_value(strategies: Sequence[Strategy]) -> int:
    """Bars until every strategy has a value."""
    return max(market_step(item.graph, timeframe_ms=MINUTE_MS).lookback(item.values) for item in strategies) + 1


def _market() -> Market:
    return replace(model_market("BTC/USDT"), price_tick=TICK, quantity_step=STEP, quantity_min=STEP)


def main(file: str) -> None:
    """One minimal cross from a file of columns, in a process that has done nothing before; prints what it cost."""
    imported_s, began = time.process_time(), time.process_time()
    times, open_, high, low, close, volume = np.load(file)
    bars = Bars(MINUTE_MS, times, open_, high, low, close, volume)
    trades = minimal("cross", bars)()
    print(json.dumps({"import_cpu_s": imported_s, "cpu_s": time.process_time() - began, "trades": trades}))


if __name__ == "__main__":
    main(sys.argv[1])
