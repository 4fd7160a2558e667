"""Ulcer index."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, maximum, square_root
from tradepool.core.graph.primitives import highest, sma
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("volatility", span="0 to 100", source="Martin, 1987", flat=0.0, length=LENGTH)
def ulcer_index(source: Number = close, *, length: int | Number = 14) -> Number:
    """Root of the mean square of how many percent the value is below the highest of its window.

    >>> ulcer_index().lookback
    26
    """
    drop = 100.0 * (source / highest(source, length) - 1.0)
    return square_root(maximum(sma(drop * drop, length), 0.0))
