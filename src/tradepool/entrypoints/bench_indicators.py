"""Indicators beside TA-Lib: a million bars, one core, the same numbers, in the same rounds.

TA-Lib takes a whole column at once, which our step never does: it goes from bar to bar, so that a backtest and live
trading are one. A row below 0.8 says why.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np

from tradepool.core.compiler.runners import load
from tradepool.core.graph.expr import Expr, walk
from tradepool.core.graph.step import series_step
from tradepool.core.graph.whole import MINUTE_MS
from tradepool.core.indicators.page import Page, pages
from tradepool.core.market.align import columns
from tradepool.core.market.bars import Bars
from tradepool.domain.errors import TradepoolError
from tradepool.entrypoints.bench import Figure, Measure

BARS = 1_000_000
REACH = 1.3
HONEST = 0.8
USUAL = 14
PEER = "TA-Lib"
# Why the step is slower, by what it is slow at.
REASONS = {
    "elementwise": "one pass over a column at memory speed; the step also counts bars and tells known from unknown",
    "window": "the window is a ring in the state row, so that a saved row is whole; TA-Lib reads back in the column",
    "scan": "the window is looked through at each bar in order, to the same bits in every runner; TA-Lib's sums are not",
    "state": "each bar also asks whether an average is seeded and whether a nan is to be got over, and the next bar waits",
    "patterns": "usual sizes are anchored sums, computed at every bar; TA-Lib stops at the first condition that fails",
}
_Run = Callable[[], object]
Work = tuple[Page, _Run, list[Callable[[Bars], object]]]


class TwinMissing(TradepoolError):
    """TA-Lib is not installed here; install the development requirements."""


def rounds(count: int = BARS) -> Measure:
    """Compile every step and run all once, over so many bars. Raises TwinMissing."""
    try:
        from tradepool.entrypoints.bench_indicators_twins import TWINS
    except ImportError:
        raise TwinMissing from None
    bars = random_bars(count)
    works: list[Work] = []
    for page in pages().values():
        lines = {name if name == page.name else f"{page.name} {name}": line for name, line in usual(page).items()}
        paired = {name: line for name, line in lines.items() if name in TWINS}
        if paired:
            # One function of TA-Lib gives several lines in one call.
            calls = {getattr(TWINS[name], "__name__", name).replace("<lambda>", name): TWINS[name] for name in paired}
            works.append((page, ours(list(paired.values()), bars), list(calls.values())))

    def once() -> list[Figure]:
        figures = list(measured(works, bars))
        ratios = [figure.peers[PEER] / figure.ours for figure in figures]
        return [*figures, Figure("median of all", "times", statistics.median(ratios), False, {"reach": REACH})]

    once()
    return once


def usual(page: Page) -> dict[str, Expr]:
    """Its lines with the default parameters; what has none is USUAL."""
    return page.lines(**{item.name: USUAL for item in page.arguments if item.is_required})


def ours(lines: list[Expr], bars: Bars) -> _Run:
    """A run of the step that writes the lines, over all bars."""
    source = series_step(lines, timeframe_ms=MINUTE_MS)
    run = load(source.program, "native", [source.name])[source.name]
    parameters, reads = source.rows({})[0], columns(source, bars)
    outputs = np.empty(len(bars) * len(lines))
    return lambda: run(np.zeros(source.state_size), np.zeros(0), parameters, np.zeros(0), *reads, 0, len(bars), outputs)


def measured(works: list[Work], bars: Bars) -> Iterator[Figure]:
    """Both, one after the other; CPU time."""
    for page, run, calls in works:
        mine = milliseconds(run)
        theirs = sum(milliseconds(lambda call=call: call(bars)) for call in calls)  # type: ignore[misc]
        note = REASONS[kind(page)] if theirs / mine < HONEST else ""
        yield Figure(page.name, "ms", mine, peers={PEER: theirs}, note=note)


def kind(page: Page) -> str:
    """What a page's step does most."""
    if page.group == "candlesticks":
        return "patterns"
    ops = {part.op for line in usual(page).values() for part in walk(line)}
    if ops & {"slope", "fitted", "r2", "correlation", "moment_1"}:
        return "scan"
    if "window" in ops and "recursion" not in ops:
        return "window"
    averages = {"recursion", "ema", "ema_from_first", "wilder", "wilder_from_sum", "cumulative"}
    return "state" if ops & averages else "elementwise"


def milliseconds(run: _Run) -> float:
    """CPU time of one run."""
    begin = time.process_time()
    run()
    return (time.process_time() - begin) * 1000.0


def random_bars(count: int) -> Bars:
    """A random walk, the same each time."""
    random = np.random.default_rng(7)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.001, count)))
    open_ = np.concatenate((close[:1], close[:-1]))
    reach = 1.0 + np.abs(random.normal(0.0, 0.001, (2, count)))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    return Bars(MINUTE_MS, np.arange(count) * MINUTE_MS, open_, high, low, close, random.exponential(1.0, count))
