"""Every expression with a memory, in one table: how it is made, the same in plain NumPy, and what laws it keeps.

`TERMS` is what all laws run over, in whatever runner: a new primitive is a new row here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.core.graph.plain_terms import (
    Naive,
    at_rises,
    averaged_and_bounded,
    bounded_average,
    central,
    from_sum,
    newest,
    rises,
    rolling,
    weighted,
)
from tests.core.graph.samples import MINUTE_MS
from tradepool.core.compiler.runners import Runner
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.expr import (
    Expr,
    Number,
    crosses_above,
    crosses_below,
    is_known,
    parameter,
    volume,
    was,
    where,
)
from tradepool.core.graph.lengths import root_of, scaled
from tradepool.core.graph.primitives import (
    correlation,
    count,
    cumulative,
    delayed,
    delta,
    ema,
    highest,
    lag,
    lowest,
    moment,
    quantile,
    rank,
    regression,
    rolling_sum,
    since,
    since_highest,
    since_lowest,
    sma,
    smooth,
    variance,
    wilder,
    wma,
)
from tradepool.core.graph.recursion import value_when
from tradepool.core.graph.scope import external, of, on, session
from tradepool.core.graph.step import StepSource
from tradepool.core.graph.writer import Writer
from tradepool.core.market.align import Timed, clock_of
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import series

LONGEST = 60
N = parameter("n", 14, 1, LONGEST, 1)
OTHER = "OTHER/USDT"
SCORE = "score"
Make = Callable[[Number, Number], Expr]


class Term(NamedTuple):
    """One row. `power` is the exponent of the source's unit, for tolerances; `flat` what becomes of a constant."""

    make: Make
    naive: Naive
    power: int = 1
    flat: Callable[[float], float] | None = lambda value: value
    # For what has no warm-up: where a later start meets an earlier one (None: nowhere).
    meets: Naive | None = None
    forgets: bool = True
    least: int = 1
    # Whether a nan is forgotten once the bars it stood in have left the windows; averages keep it.
    passes_nan: bool = True


def smoothed(weight: Callable[[int], float], seed: Callable[[int], int] = lambda n: n) -> Naive:
    """An average seeded by the mean of so many values."""

    def naive(x: Floats, bars: Bars, n: int) -> Floats:
        values, first = np.full(len(x), np.nan), seed(n) - 1
        for i in range(first, len(x)):
            values[i] = np.mean(x[: i + 1]) if i == first else values[i - 1] + weight(n) * (x[i] - values[i - 1])
        return values

    return naive


def shifted(x: Floats, bars: Bars, n: int) -> Floats:
    """The value n bars ago."""
    return np.concatenate((np.full(min(n, len(x)), np.nan), x[: max(len(x) - n, 0)]))


def from_second(values: Floats) -> Floats:
    """What is not known at the first bar."""
    return np.concatenate(([np.nan], values[1:]))


def line(x: Floats) -> tuple[float, float, float]:
    """Slope, value at the end and r2 of the least-squares line."""
    t = np.arange(len(x)) - (len(x) - 1) / 2
    away = x - x.mean()
    slope = (t @ away) / (t @ t) if len(x) > 1 else np.nan
    moved = away @ away if (x != x[0]).any() else np.nan
    return slope, x.mean() + slope * t[-1], slope * (t @ away) / moved


def pearson(x: Floats, bars: Bars, n: int) -> Floats:
    """Correlation with the volume."""

    def of_window(i: int) -> float:
        a, b = x[i - n + 1 : i + 1], bars.volume[i - n + 1 : i + 1]
        if (a == a[0]).all() or (b == b[0]).all():
            return np.nan
        a, b = a - a.mean(), b - b.mean()
        return float((a @ b) / np.sqrt((a @ a) * (b @ b)))

    return np.array([of_window(i) if i + 1 >= n else np.nan for i in range(len(x))])


def bars_since(held: NDArray[np.bool_]) -> Floats:
    """Bars since it last held."""
    last = np.maximum.accumulate(np.where(held, np.arange(len(held)), -1))
    return np.where(last < 0, np.nan, np.arange(len(held)) - last)


def summed(x: Floats, reset: NDArray[np.bool_]) -> Floats:
    """Running total since the last reset."""
    total, values = 0.0, np.empty(len(x))
    for i in range(len(x)):
        total = x[i] if reset[i] else total + x[i]
        values[i] = total
    return values


def begins(bars: Bars, minutes: int) -> NDArray[np.bool_]:
    """First bars of sessions."""
    number = clock_of(bars) // minutes
    return np.append(False, number[1:] != number[:-1])


def longer(minutes: int, naive: Naive) -> Naive:
    """Values over closed candles of so many minutes, made as plainly as can be."""

    def values(x: Floats, bars: Bars, n: int) -> Floats:
        clock = clock_of(bars)
        number = clock // minutes
        groups = [g for g in dict.fromkeys(number.tolist()) if g != number[0] or clock[0] % minutes == 0]
        closes = np.array([x[number == g][-1] for g in groups])
        inner = naive(closes, bars, n)
        # A candle has closed once its last minute has, or a later candle has begun.
        closed = np.searchsorted(groups, (clock + 1) // minutes, side="left")
        return np.concatenate(([np.nan], inner))[closed]

    return values


def other_of(bars: Bars) -> Bars:
    """Another market: nearly the same bars at twice the price, every seventh missing; each follows from one of ours."""
    there = clock_of(bars) % 7 != 3
    columns = [
        size * column[there]
        for size, column in zip((2, 2, 2, 2, 1), (bars.open, bars.high, bars.low, bars.close, bars.volume), strict=True)
    ]
    return Bars(bars.timeframe_ms, bars.open_time[there], *columns)


def score_of(bars: Bars) -> Timed:
    """A value from outside that is known a second after every third bar's close."""
    there = clock_of(bars) % 3 == 0
    return bars.open_time[there] + bars.timeframe_ms + 1_000, bars.close[there] / bars.open[there]


def elsewhere(naive: Naive) -> Naive:
    """Values over the other market's bars, the last one that had closed."""

    def values(x: Floats, bars: Bars, n: int) -> Floats:
        other = other_of(bars)
        inner = np.concatenate(([np.nan], naive(other.close, other, n)))
        return inner[np.searchsorted(other.open_time, bars.open_time, side="right")]

    return values


def begun(naive: Naive, minutes: int) -> Naive:
    """Nothing before the look-back of longer candles, which is counted in base bars, is over."""

    def values(x: Floats, bars: Bars, n: int) -> Floats:
        return np.where(np.arange(len(x)) < (n + 1) * minutes, np.nan, naive(x, bars, n))

    return values


def scores(x: Floats, bars: Bars, n: int) -> Floats:
    """The last score at each close, if not older than two minutes."""
    times, values = score_of(bars)
    found = np.full(len(bars), np.nan)
    for i in range(len(bars)):
        known = np.flatnonzero(times <= bars.close_time(i))
        if len(known) and bars.close_time(i) - times[known[-1]] <= 2 * MINUTE_MS:
            found[i] = values[known[-1]]
    return found


def above(x: Floats, bars: Bars, n: int) -> Floats:
    """Where x crosses above its highest of the n bars before."""
    high = shifted(rolling(np.max)(x, bars, n), bars, 1)
    is_above = x > high
    crossed = (is_above & ~np.concatenate(([False], is_above[:-1]))).astype(float)
    return np.concatenate((np.full(min(n + 1, len(x)), np.nan), crossed[n + 1 :]))


MEAN = rolling(lambda window: float(np.mean(window)))
EMA = smoothed(lambda n: 2.0 / (n + 1.0))

TERMS: dict[str, Term] = {
    "ema": Term(ema, EMA, passes_nan=False),
    "ema from the first": Term(
        lambda x, n: ema(x, n, seed="first"), smoothed(lambda n: 2.0 / (n + 1.0), lambda n: 1), passes_nan=False
    ),
    "wilder": Term(wilder, smoothed(lambda n: 1.0 / n), passes_nan=False),
    "smooth": Term(lambda x, n: smooth(x, 1.0 / (n + 0.0)), smoothed(lambda n: 1.0 / n, lambda n: 1), forgets=False),
    "wilder from a sum": Term(lambda x, n: wilder(x, n, seed="sum"), from_sum, flat=None, passes_nan=False),
    "delayed": Term(
        lambda x, n: ema(delayed(x, scaled(n, multiply=2), n), n),
        lambda x, bars, n: np.concatenate((np.full(n, np.nan), EMA(x[n:], bars, n))),
        passes_nan=False,
    ),
    "half a length": Term(
        lambda x, n: sma(x, scaled(n, divide=2, add=1)) + lag(x, root_of(n)) / root_of(n),
        lambda x, bars, n: MEAN(x, bars, n // 2 + 1) + shifted(x, bars, int(n**0.5)) / int(n**0.5),
        flat=None,
    ),
    "recursive": Term(bounded_average, averaged_and_bounded, flat=lambda value: 0.0, forgets=False),
    "value when": Term(
        lambda x, n: value_when(x > lag(x), x),
        at_rises,
        flat=lambda value: np.nan,
        meets=lambda x, bars, n: rises(x).astype(float),
        forgets=False,
    ),
    "wma": Term(wma, rolling(weighted)),
    "mean deviation": Term(lambda x, n: moment(x, n, 1), central(1), flat=None),
    "third moment": Term(lambda x, n: moment(x, n, 3), central(3), 3, flat=None),
    "fourth moment": Term(lambda x, n: moment(x, n, 4), central(4), 4, flat=None),
    "since highest": Term(since_highest, newest(np.max), 0, flat=lambda value: 0.0),
    "since lowest": Term(since_lowest, newest(np.min), 0, flat=lambda value: 0.0),
    "rolling sum": Term(rolling_sum, rolling(lambda window: float(np.sum(window))), flat=None),
    "sma": Term(sma, MEAN),
    "variance": Term(variance, rolling(lambda window: float(np.var(window))), 2, lambda value: 0.0),
    "highest": Term(highest, rolling(np.max)),
    "lowest": Term(lowest, rolling(np.min)),
    "rank": Term(rank, rolling(lambda w: float(((w < w[-1]) + 0.5 * (w == w[-1])).mean())), 0, lambda value: 0.5),
    "quantile": Term(lambda x, n: quantile(x, n, 0.3), rolling(lambda window: float(np.quantile(window, 0.3)))),
    "median": Term(lambda x, n: quantile(x, n, 0.5), rolling(lambda window: float(np.median(window)))),
    "slope": Term(lambda x, n: regression(x, n).slope, rolling(lambda w: line(w)[0]), 1, lambda value: 0.0, least=2),
    "regression": Term(lambda x, n: regression(x, n).value, rolling(lambda w: line(w)[1]), least=2),
    "r2": Term(lambda x, n: regression(x, n).r2, rolling(lambda w: line(w)[2]), 0, flat=lambda value: np.nan),
    "correlation": Term(lambda x, n: correlation(x, volume, n), pearson, 0, flat=lambda value: np.nan),
    "lag": Term(lag, shifted),
    "previous": Term(lambda x, n: lag(x), lambda x, bars, n: shifted(x, bars, 1)),
    "delta": Term(delta, lambda x, bars, n: x - shifted(x, bars, n), flat=lambda value: 0.0),
    "count": Term(
        lambda x, n: count(x > lag(x), n),
        lambda x, bars, n: np.concatenate(([np.nan], rolling(np.sum)(rises(x)[1:].astype(float), bars, n))),
        0,
        lambda value: 0.0,
    ),
    "since": Term(
        lambda x, n: since(x > lag(x)),
        lambda x, bars, n: bars_since(rises(x)),
        0,
        lambda value: np.nan,
        meets=lambda x, bars, n: rises(x).astype(float),
        forgets=False,
    ),
    "cumulative": Term(lambda x, n: cumulative(x), lambda x, bars, n: np.cumsum(x), flat=None, forgets=False),
    "cumulative with a reset": Term(
        lambda x, n: cumulative(x, reset=x > lag(x)),
        lambda x, bars, n: from_second(summed(np.concatenate(([0.0], x[1:])), rises(x))),
        flat=None,
        meets=lambda x, bars, n: rises(x).astype(float),
        forgets=False,
    ),
    "cumulative of a session": Term(
        lambda x, n: cumulative(x, reset=session("1h")),
        lambda x, bars, n: from_second(summed(np.concatenate(([0.0], x[1:])), begins(bars, 60))),
        flat=None,
    ),
    "session": Term(
        lambda x, n: session("15m"), lambda x, bars, n: from_second(begins(bars, 15).astype(float)), 0, None
    ),
    "was": Term(
        lambda x, n: was(x > volume * (x / volume) * 0.5) & was(x > lag(x, n)),
        lambda x, bars, n: np.concatenate(
            (np.full(min(n + 1, len(x)), np.nan), (x[:-1] > shifted(x, bars, n)[:-1])[n:].astype(float))
        ),
        0,
        lambda value: 0.0,
    ),
    "crosses above": Term(lambda x, n: crosses_above(x, lag(highest(x, n))), above, 0, lambda value: 0.0),
    "crosses below": Term(lambda x, n: crosses_below(-x, -lag(highest(x, n))), above, 0, lambda value: 0.0),
    "on": Term(lambda x, n: on("5m", sma(x, n)), longer(5, MEAN)),
    "on, condition": Term(
        lambda x, n: where(on("15m", x >= lag(x)), x, 2.0 * x),
        lambda x, bars, n: np.where(
            longer(15, lambda c, b, k: (c >= shifted(c, b, 1)).astype(np.float64))(x, bars, n) == 1.0, x, 2.0 * x
        ),
    ),
    "of": Term(lambda x, n: of(OTHER, ema(x, n)), elsewhere(EMA), flat=lambda value: 2.0 * value, passes_nan=False),
    "of, on": Term(
        lambda x, n: of(OTHER, on("5m", highest(x, n))),
        elsewhere(begun(longer(5, rolling(np.max)), 5)),
        flat=lambda v: 2.0 * v,
    ),
    "external": Term(
        lambda x, n: where(is_known(external(SCORE, max_age="2m")), external(SCORE, max_age="2m"), 0.5),
        lambda x, bars, n: np.nan_to_num(scores(x, bars, n), nan=0.5),
        0,
        None,
    ),
}


def inputs_of(
    expressions: Sequence[Expr] | StepSource, bars: Bars, scored: Bars | None = None
) -> dict[str, dict[str, Bars] | dict[str, Timed]]:
    """What must be given beside the bars."""
    reads = expressions if isinstance(expressions, StepSource) else Writer(expressions)
    return {
        "others": {name: other_of(bars) for name in reads.others},
        "externals": {item.name: score_of(scored or bars) for item in reads.externals},
    }


def values_of(
    expressions: Sequence[Expr], bars: Bars, n: int, runner: Runner = "native", scored: Bars | None = None
) -> Floats:
    """Values over bars, whatever the expressions read beside them; shape [bars, expressions]."""
    return series(expressions, bars, runner, {"n": n}, **inputs_of(expressions, bars, scored))  # type: ignore[arg-type]
