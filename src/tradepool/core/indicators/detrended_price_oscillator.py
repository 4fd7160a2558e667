"""Detrended price oscillator."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.lengths import scaled
from tradepool.core.graph.primitives import lag, sma
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("momentum", span="any, about 0", source="Achelis, 1995", flat=0.0, length=LENGTH)
def dpo(source: Number = close, *, length: int | Number = 20) -> Number:
    """The value of half a length (and one) ago less the mean of now, which takes the trend out.

    >>> dpo().lookback
    19
    """
    return lag(source, scaled(length, divide=2, add=1)) - sma(source, length)
