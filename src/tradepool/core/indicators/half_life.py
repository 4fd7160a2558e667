"""Half-life of the way back to the mean."""

from __future__ import annotations

import math

from tradepool.core.graph.expr import Number, close, maximum, square_root
from tradepool.core.graph.primitives import correlation, delta, lag, variance
from tradepool.core.indicators.page import LENGTH_FROM_2, NOTHING, indicator


@indicator("statistics", span="0 and up", source="Chan, 2013", flat=NOTHING, length=LENGTH_FROM_2)
def half_life(source: Number = close, *, length: int | Number = 100) -> Number:
    """Bars in which half of the distance from the mean is gone, as the regression of the change on the value says.

    No value where it does not come back.

    >>> half_life().lookback
    100
    """
    change, before = delta(source), lag(source)
    scale = square_root(variance(change, length)) / square_root(variance(before, length))
    return math.log(2.0) / maximum(-correlation(change, before, length) * scale, 0.0)
