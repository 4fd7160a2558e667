"""What every peer is asked and answers, and the signals of the three strategies from TA-Lib's indicators.

The signals are those of `bench_step_work.STRATEGIES`: a level that entering raises and leaving clears (leaving wins),
nothing before all its inputs have a value; peers trade the level's edges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

FEE = 0.001
# Sides of a comparison closer than this share count as equal: engines round them differently.
TIE = 1e-9
Floats = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
# Of a trade: bar and price of its entry, bar and price of its exit.
Row = tuple[int, float, int, float]


@dataclass(frozen=True)
class Request:
    """Which work, over the bars in which file, with how much cash; `rows`: all trades are wanted, not only their number."""

    work: str
    bars: str
    cash: float
    rows: bool = False
    # Lengths of the fast and the slow average of each run of a sweep.
    lengths: list[tuple[int, int]] = field(default_factory=list)


class Bars(NamedTuple):
    """Columns of a series, oldest first; times in milliseconds."""

    open_time: Floats
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class Found(NamedTuple):
    """Closed trades, the equity at the last close, and the trades in full for who wants them."""

    trades: int
    final_equity: float
    rows: Callable[[], list[Row]] = list


class Signals(NamedTuple):
    """Edges of the level at each close; the stop's distance below the entry price, none without a stop."""

    enter: Flags
    leave: Flags
    distance: Floats | None


@lru_cache(maxsize=4)
def load(file: str) -> Bars:
    """The series in a file."""
    return Bars(*np.load(file))


def signals(strategy: str, bars: Bars) -> Signals:
    """Signals of a strategy: `cross`, `reversal` or `breakout`."""
    enter, leave, distance, inputs = {"cross": _cross, "reversal": _reversal, "breakout": _breakout}[strategy](bars)
    # One more: each of them looks one bar back.
    ready = 1 + max(int(np.argmax(~np.isnan(values))) for values in inputs)
    enter[:ready] = False
    return Signals(*edges(enter, leave), distance)


def edges(enter: Flags, leave: Flags) -> tuple[Flags, Flags]:
    """Where the level rises and where it falls; at the last bar nothing does, for no open follows."""
    changes = np.flatnonzero(enter | leave)
    level = ~leave[changes]
    moved = changes[level != np.concatenate(([False], level[:-1]))]
    rises, falls = np.zeros(len(enter), bool), np.zeros(len(enter), bool)
    rises[moved[::2]], falls[moved[1::2]] = True, True
    rises[-1] = falls[-1] = False
    return rises, falls


Declared = tuple[Flags, Flags, Floats | None, list[Floats]]


def _cross(bars: Bars) -> Declared:
    import talib

    fast, slow = talib.EMA(bars.close, 12), talib.EMA(bars.close, 26)
    return _crossed(fast > slow), _crossed(fast < slow), None, [fast, slow]


def _reversal(bars: Bars) -> Declared:
    import talib

    close = bars.close
    strength, average_range = talib.RSI(close, 14), talib.ATR(bars.high, bars.low, close, 14)
    upper, _, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    # MACD of its parts: TA-Lib's own starts the fast average late, so that it has the slow one's seed.
    line = talib.EMA(close, 12) - talib.EMA(close, 26)
    histogram = line - talib.EMA(line, 9)
    enter = (strength < 35) & (close < lower * (1 - TIE)) & (histogram > _before(histogram) - 0.02 * average_range)
    return (
        enter,
        (strength > 55) | (close > upper * (1 + TIE)),
        2 * average_range,
        [strength, average_range, upper, histogram],
    )


def _breakout(bars: Bars) -> Declared:
    import talib

    upper, middle, _ = talib.BBANDS(bars.close, 20, 2.0, 2.0)
    enter, leave = _crossed(bars.close > upper * (1 + TIE)), _crossed(bars.close < middle * (1 - TIE))
    return enter, leave, 0.002 * bars.close, [upper, middle]


def _before(values: Floats) -> Floats:
    return np.concatenate(([np.nan], values[:-1]))


def _crossed(now: Flags) -> Flags:
    return now & ~np.concatenate(([False], now[:-1]))
