"""Mass index."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, high, low, where
from tradepool.core.graph.primitives import ema, rolling_sum
from tradepool.core.indicators.page import LENGTH, indicator


@indicator(
    "trend", span="0 and up, about its length", source="Dorsey, 1992", flat=25.0, length=LENGTH, smoothing=LENGTH
)
def mass_index(*, length: int | Number = 25, smoothing: int | Number = 9) -> Number:
    """Sum of an average of the bars' range over the average of that: above its length while ranges widen.

    >>> mass_index().lookback
    40
    """
    once = ema(high - low, smoothing)
    twice = ema(once, smoothing)
    return rolling_sum(where(twice > 0.0, once / twice, 1.0), length)
