"""Standard deviation."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, square_root
from tradepool.core.graph.primitives import variance
from tradepool.core.indicators.page import LENGTH_FROM_2, indicator


@indicator("volatility", span="0 and up", source="Pearson, 1894", flat=0.0, twin="STDDEV", length=LENGTH_FROM_2)
def standard_deviation(source: Number = close, *, length: int | Number = 20) -> Number:
    """Population standard deviation of the last `length` values.

    >>> standard_deviation().lookback
    19
    """
    return square_root(variance(source, length))
