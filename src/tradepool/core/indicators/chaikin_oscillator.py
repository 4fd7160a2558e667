"""Chaikin oscillator."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.graph.primitives import ema
from tradepool.core.indicators.accumulation_distribution import accumulation_distribution
from tradepool.core.indicators.page import LENGTH_FROM_2, indicator


@indicator(
    "volume",
    span="any, about 0",
    source="Chaikin, 1966",
    flat=0.0,
    twin="ADOSC",
    fast=LENGTH_FROM_2,
    slow=LENGTH_FROM_2,
)
def chaikin_oscillator(*, fast: int | Number = 3, slow: int | Number = 10) -> Number:
    """A fast exponential average of the accumulation and distribution line less a slow one, from the first bar on.

    >>> chaikin_oscillator().lookback, chaikin_oscillator().warm_up
    (0, None)
    """
    line = accumulation_distribution()
    return ema(line, fast, seed="first") - ema(line, slow, seed="first")
