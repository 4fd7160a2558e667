"""Relative volatility index."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, square_root, where
from tradepool.core.graph.primitives import delta, variance, wilder
from tradepool.core.indicators.page import LENGTH, LENGTH_FROM_2, indicator


@indicator("volatility", span="0 to 100", source="Dorsey, 1993", flat=50.0, length=LENGTH, deviation=LENGTH_FROM_2)
def relative_volatility_index(
    source: Number = close, *, length: int | Number = 14, deviation: int | Number = 10
) -> Number:
    """Share of the standard deviation that falls on rising bars, smoothed as Wilder does, in percent.

    >>> relative_volatility_index().lookback
    22
    """
    size, change = square_root(variance(source, deviation)), delta(source)
    rising = wilder(where(change > 0.0, size, 0.0), length)
    falling = wilder(where(change < 0.0, size, 0.0), length)
    both = rising + falling
    return where(both > 0.0, 100.0 * (rising / both), 50.0)
