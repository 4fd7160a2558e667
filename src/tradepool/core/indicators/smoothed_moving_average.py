"""Smoothed moving average."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import wilder
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator("averages", span="that of the source", source="Wilder, 1978", flat=SAME, length=LENGTH)
def smma(source: Number = close, *, length: int | Number = 14) -> Number:
    """Wilder's average: each value weighs 1 / length and the past fades; seeded by the mean of the first `length`.

    >>> smma().lookback
    13
    """
    return wilder(source, length)
