"""Moving average convergence divergence."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import delayed, ema
from tradepool.core.indicators.page import LENGTH, indicator


class Macd(NamedTuple):
    """The three lines, in the unit of the source."""

    line: Number
    signal: Number
    histogram: Number


@indicator(
    "momentum",
    span="any, about 0",
    source="Appel, 1979",
    flat=0.0,
    twin="MACD",
    fast=LENGTH,
    slow=LENGTH,
    signal=LENGTH,
)
def macd(source: Number = close, *, fast: int | Number = 12, slow: int | Number = 26, signal: int | Number = 9) -> Macd:
    """How far a fast average is above a slow one, the average of that, and the difference of both.

    >>> macd().line.lookback, macd().signal.lookback
    (25, 33)
    """
    # Both averages have their first value at the same bar, as TA-Lib's have.
    line = ema(delayed(source, slow, fast), fast) - ema(source, slow)
    average = ema(line, signal)
    return Macd(line, average, line - average)
