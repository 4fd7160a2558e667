"""Coppock curve."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import wma
from tradepool.core.indicators.page import LENGTH, indicator
from tradepool.core.indicators.rate_of_change import roc


@indicator(
    "momentum", span="any, about 0", source="Coppock, 1962", flat=0.0, long=LENGTH, short=LENGTH, smoothing=LENGTH
)
def coppock(
    source: Number = close, *, long: int | Number = 14, short: int | Number = 11, smoothing: int | Number = 10
) -> Number:
    """Weighted average of the sum of two rates of change, in percent.

    >>> coppock().lookback
    23
    """
    return wma(roc(source, length=long) + roc(source, length=short), smoothing)
