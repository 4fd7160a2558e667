"""McGinley dynamic."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator("averages", span="that of the source", source="McGinley, 1990", flat=SAME, length=LENGTH)
def mcginley(source: Number = close, *, length: int | Number = 14) -> Number:
    """Average that moves by (source - average) / (length x (source / average)^4): faster down than up.

    >>> mcginley().lookback
    0
    """

    def follow(average: Number) -> tuple[Number]:
        square = (source / average) * (source / average)
        return (average + (source - average) / (length * (square * square)),)

    return recursive((source,), follow)[0]
