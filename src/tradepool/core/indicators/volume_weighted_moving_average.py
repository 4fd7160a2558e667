"""Volume weighted moving average."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, volume
from tradepool.core.graph.primitives import rolling_sum
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator("averages", span="that of the source", source="Buff Dormeier, 2001", flat=SAME, length=LENGTH)
def vwma(source: Number = close, *, length: int | Number = 20) -> Number:
    """Mean of the last `length` values, each weighted by its bar's volume; no value where nothing was traded.

    >>> vwma().lookback
    19
    """
    return rolling_sum(source * volume, length) / rolling_sum(volume, length)
