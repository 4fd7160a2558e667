"""The loop of a backtest: the market part, the account part and the bar's fills of one strategy, fused into one step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import cache
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tradepool.core.backtest import kernel
from tradepool.core.compiler.program import Program
from tradepool.core.graph.step import StepSource, fused_step
from tradepool.core.market.bars import Bars
from tradepool.core.strategies.strategy import Strategy

Ticks: TypeAlias = NDArray[np.int64]
_ticks: WeakKeyDictionary[Bars, dict[float, tuple[Ticks, ...]]] = WeakKeyDictionary()

NAME = "backtest"
# Prices come as floats for the market part and as ticks, rounded once, for the account part.
ARGUMENTS = (
    "wallet: Ints",
    "slot: Ints",
    "terms: Ints",
    "trades: Ints",
    "refusals: Ints",
    "counts: Ints",
    "equity: Ints",
    "open_time: Ints",
    "open_ticks: Ints",
    "high_ticks: Ints",
    "low_ticks: Ints",
    "close_ticks: Ints",
    "timeframe_ms: int",
    "scale: float",
    "last: int",
    "record: bool",
)
BEFORE = (
    "open_bar(wallet, slot, terms, trades, refusals, counts, open_ticks[i], high_ticks[i], low_ticks[i], open_time[i],"
    " timeframe_ms)",
)
AFTER = (
    "if i < last:",
    "    decide(wallet, slot, terms, refusals, counts, scale, exposure, previous_exposure, stop_distance,"
    " trail_distance, trail_step, first_target, second_target, target_share, break_even, hold_ms, high_ticks[i],"
    " low_ticks[i], close_ticks[i], open_time[i] + timeframe_ms)",
    "if record:",
    "    equity[i] = equity_at(wallet, slot, terms, close_ticks[i])",
)
# What most bars do not come to.
RARE = frozenset({"act_at_open", "meet_bar", "wish_entry"})
# The arrays of which every parameter set of a sweep has its own.
SPREAD = ("own", "swept", "wallet", "slot", "trades", "refusals", "counts", "equity")


def fused(strategy: Strategy, timeframe_ms: int, varying: Collection[str] = ()) -> tuple[StepSource, Program]:
    """The step of a strategy with everything around it, and the program that runs it."""
    source = fused_step(strategy.graph, NAME, ARGUMENTS, BEFORE, AFTER, timeframe_ms=timeframe_ms, varying=varying)
    return source, kernel_of(strategy) + source.program


def kernel_of(strategy: Strategy) -> Program:
    """The kernel's functions, without what the strategy never does."""
    return switched(_kernel(), switches_of(strategy), RARE)


def switches_of(strategy: Strategy) -> tuple[tuple[str, int], ...]:
    """What a strategy does at all, as constants of its program."""
    return (
        ("SHORTS", int(strategy.shorts)),
        ("TARGETS", int(strategy.targets)),
        ("BREAK_EVEN", int(strategy.breaks_even)),
        ("TIMED", int(strategy.timed)),
    )


def switched(program: Program, switches: tuple[tuple[str, int], ...], rare: frozenset[str] = frozenset()) -> Program:
    """The program without what the switches leave out."""
    constants = {**dict(program.constants), **dict(switches)}
    return replace(program, constants=tuple(sorted(constants.items())), rare=rare)


@cache
def _kernel() -> Program:
    return Program.of(kernel)


def ticks_of(bars: Bars, scale: float) -> tuple[Ticks, ...]:
    """Open, high, low and close in ticks: what `round_to_int(price * scale)` gives, made once for a series."""
    known = _ticks.setdefault(bars, {})
    if scale not in known:
        prices = (bars.open, bars.high, bars.low, bars.close)
        known[scale] = tuple(np.floor(column * scale + 0.5).astype(np.int64) for column in prices)
    return known[scale]
