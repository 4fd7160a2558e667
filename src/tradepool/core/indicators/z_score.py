"""Z-score."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, square_root, where
from tradepool.core.graph.primitives import sma, variance
from tradepool.core.indicators.page import LENGTH_FROM_2, indicator


@indicator("statistics", span="any, mostly -3 to 3", source="Pearson, 1894", flat=0.0, length=LENGTH_FROM_2)
def z_score(source: Number = close, *, length: int | Number = 20) -> Number:
    """How many population standard deviations the value is above the mean of the last `length`.

    >>> z_score().lookback
    19
    """
    deviation = square_root(variance(source, length))
    return where(deviation > 0.0, (source - sma(source, length)) / deviation, 0.0)
