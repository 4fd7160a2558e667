"""Variable index dynamic average."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, absolute, close, where
from tradepool.core.graph.primitives import delta, rolling_sum, smooth
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator("averages", span="that of the source", source="Chande, 1992", flat=SAME, length=LENGTH, momentum=LENGTH)
def vidya(source: Number = close, *, length: int | Number = 14, momentum: int | Number = 9) -> Number:
    """Exponential average whose weight is scaled by how one-sided the last `momentum` moves were, 0 to 1.

    >>> vidya().lookback
    9
    """
    change, way = delta(source), rolling_sum(absolute(delta(source)), momentum)
    one_sided = where(way > 0.0, absolute(rolling_sum(change, momentum)) / way, 0.0)
    return smooth(source, one_sided * (2.0 / (length + 1.0)))
