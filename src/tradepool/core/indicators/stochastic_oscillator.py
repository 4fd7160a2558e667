"""Stochastic oscillator."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close, high, low, where
from tradepool.core.graph.primitives import highest, lowest, sma
from tradepool.core.indicators.page import LENGTH, indicator


class Stochastic(NamedTuple):
    """The smoothed position and its own average."""

    k: Number
    d: Number


def position(source: Number, upper: Number, lower: Number) -> Number:
    """Where a value lies between two others, 0 to 100; 50 where they are equal."""
    span = upper - lower
    return where(span > 0.0, 100.0 * ((source - lower) / span), 50.0)


@indicator(
    "momentum",
    span="0 to 100",
    source="Lane, 1984",
    flat=50.0,
    twin="STOCH",
    length=LENGTH,
    smoothing=LENGTH,
    signal=LENGTH,
)
def stochastic(*, length: int | Number = 14, smoothing: int | Number = 3, signal: int | Number = 3) -> Stochastic:
    """Where the close lies between the lowest low and the highest high, smoothed, and the average of that.

    >>> stochastic().d.lookback
    17
    """
    k = sma(position(close, highest(high, length), lowest(low, length)), smoothing)
    return Stochastic(k, sma(k, signal))
