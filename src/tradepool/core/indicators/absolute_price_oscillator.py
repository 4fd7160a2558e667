"""Absolute price oscillator."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import ema
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("momentum", span="any, about 0", source="Appel, 1979", flat=0.0, twin="APO", fast=LENGTH, slow=LENGTH)
def apo(source: Number = close, *, fast: int | Number = 12, slow: int | Number = 26) -> Number:
    """How far a fast exponential average is above a slow one.

    >>> apo().lookback
    25
    """
    quick, sluggish = ema(source, fast), ema(source, slow)
    return quick - sluggish
