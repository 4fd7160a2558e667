"""Some of the terms in plain NumPy: windows looked through whole, recursions as loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.expr import Number, maximum
from tradepool.core.graph.recursion import recursive
from tradepool.core.market.bars import Bars

# Of the source's values, the bars and n.
Naive = Callable[[Floats, Bars, int], Floats]


def rolling(function: Callable[[Floats], float]) -> Naive:
    """A function of each whole window, written as plainly as can be."""

    def naive(x: Floats, bars: Bars, n: int) -> Floats:
        return np.array([function(x[i - n + 1 : i + 1]) if i + 1 >= n else np.nan for i in range(len(x))])

    return naive


def rises(x: Floats) -> NDArray[np.bool_]:
    """Whether a value is above the one before."""
    return np.append(False, x[1:] > x[:-1])


def from_sum(x: Floats, bars: Bars, n: int) -> Floats:
    """Wilder's sum of n - 1 values, from then on losing its n-th part for each new value; here over n."""
    values, total = np.full(len(x), np.nan), float(np.sum(x[: n - 1]))
    for i in range(n - 1, len(x)):
        total = total - total / n + x[i]
        values[i] = total / n
    return values


def weighted(x: Floats) -> float:
    """The mean of a window whose newest value weighs most."""
    weights = np.arange(1.0, len(x) + 1.0)
    return float(x @ weights / weights.sum())


def central(order: int) -> Naive:
    """A moment about the mean."""
    return rolling(lambda w: float(np.mean(np.abs(w - w.mean()) if order == 1 else (w - w.mean()) ** order)))


def averaged_and_bounded(x: Floats, bars: Bars, n: int) -> Floats:
    """An average that follows by 1 / n, and the highest it has been, which fades by a tenth of the distance."""
    average = top = x[0]
    values = [top - average]
    for one in x[1:]:
        average, top = average + (one - average) / n, max(average, top + (average - top) * 0.1)
        values.append(top - average)
    return np.array(values)


def bounded_average(x: Number, n: Number) -> Number:
    """The same, as an expression."""
    average, top = recursive(
        (x, x), lambda average, top: (average + (x - average) / n, maximum(average, top + (average - top) * 0.1))
    )
    return top - average


def at_rises(x: Floats, bars: Bars, n: int) -> Floats:
    """The value at the last rise."""
    last = np.maximum.accumulate(np.where(rises(x), np.arange(len(x)), -1))
    return np.where(last < 0, np.nan, x[last])


def newest(extreme: Callable[[Floats], float]) -> Naive:
    """Bars since the extreme of a window, the newest of equal ones."""
    return rolling(lambda w: float(len(w) - 1 - np.flatnonzero(w == extreme(w))[-1]))
