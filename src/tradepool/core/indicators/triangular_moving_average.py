"""Triangular moving average."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.lengths import scaled
from tradepool.core.graph.primitives import sma
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator("averages", span="that of the source", source="Arms, 1990", flat=SAME, twin="TRIMA", length=LENGTH)
def trima(source: Number = close, *, length: int | Number = 20) -> Number:
    """A simple average of a simple average, each over about half the length: the middle weighs most.

    >>> trima(length=20).lookback
    19
    """
    once = sma(source, scaled(scaled(length, add=1), divide=2))
    return sma(once, scaled(length, divide=2, add=1))
