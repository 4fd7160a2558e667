"""Autocorrelation of returns."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.graph.primitives import correlation, lag
from tradepool.core.indicators.logarithmic_return import RETURN
from tradepool.core.indicators.page import LENGTH, LENGTH_FROM_2, NOTHING, indicator


@indicator("statistics", span="-1 to 1", source="Yule, 1927", flat=NOTHING, length=LENGTH_FROM_2, bars=LENGTH)
def autocorrelation(source: Number = RETURN, *, length: int | Number = 50, bars: int | Number = 1) -> Number:
    """Correlation of the last `length` values with those `bars` before; no value where they do not move.

    >>> autocorrelation().lookback
    51
    """
    return correlation(source, lag(source, bars), length)
