"""Percentage price oscillator."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import ema
from tradepool.core.indicators.page import LENGTH, indicator


class Ppo(NamedTuple):
    """The three lines, in percent of the slow average."""

    line: Number
    signal: Number
    histogram: Number


@indicator(
    "momentum",
    span="any, about 0",
    source="Appel, 1985",
    flat=0.0,
    twin="PPO",
    fast=LENGTH,
    slow=LENGTH,
    signal=LENGTH,
)
def ppo(source: Number = close, *, fast: int | Number = 12, slow: int | Number = 26, signal: int | Number = 9) -> Ppo:
    """How many percent a fast average is above a slow one, the average of that, and the difference of both.

    >>> ppo().line.lookback, ppo().signal.lookback
    (25, 33)
    """
    quick, sluggish = ema(source, fast), ema(source, slow)
    line = 100.0 * ((quick - sluggish) / sluggish)
    average = ema(line, signal)
    return Ppo(line, average, line - average)
