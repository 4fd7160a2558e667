"""How long it takes to make machine code of a strategy: of its market step (live), and of a whole backtest."""

from __future__ import annotations

import time
from itertools import count

from tradepool.core.backtest.loop import fused
from tradepool.core.compiler import native
from tradepool.core.compiler.program import Program
from tradepool.core.graph.step import market_step
from tradepool.core.graph.whole import MINUTE_MS
from tradepool.core.strategies import catalog
from tradepool.entrypoints.bench import Figure, Measure


def rounds() -> Measure:
    """Load LLVM first: that happens once for each process, not once for each strategy."""
    number = count()

    def once() -> list[Figure]:
        figures = []
        for name in catalog.names():
            strategy = catalog.named(name)
            step = market_step(strategy.graph, timeframe_ms=MINUTE_MS)
            backtest, whole = fused(strategy, MINUTE_MS)
            figures.append(Figure(f"compile step of {name}", "ms", compile_ms(step.program, step.name, next(number))))
            figures.append(Figure(f"compile backtest of {name}", "ms", compile_ms(whole, backtest.name, next(number))))
        return figures

    once()
    return once


def compile_ms(program: Program, export: str, number: int) -> float:
    """CPU time from source to machine code; a function that nobody calls keeps the program out of the cache."""
    unique = Program.of_text(f"def round_{number}() -> int:\n    return {number}")
    whole, started = program + unique, time.process_time()
    native.load(whole, [export])
    return 1000 * (time.process_time() - started)
