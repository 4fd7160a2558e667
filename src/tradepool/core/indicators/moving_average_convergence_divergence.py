"""Moving average convergence divergence."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import ema


class Macd(NamedTuple):
    """The three lines, in the unit of the source."""

    line: Number
    signal: Number
    histogram: Number


def macd(source: Number = close, *, fast: int | Number = 12, slow: int | Number = 26, signal: int | Number = 9) -> Macd:
    """How far a fast average is above a slow one, the average of that, and the difference of both (Appel, 1979).

    Constant in, zeros out. Each average is seeded by its own first values; TA-Lib starts the fast one `slow - fast`
    bars late, so the two agree only once the seed is forgotten (about 18 x slow bars).

    >>> macd().line.lookback, macd().signal.lookback
    (25, 33)
    """
    line = ema(source, fast) - ema(source, slow)
    average = ema(line, signal)
    return Macd(line, average, line - average)
