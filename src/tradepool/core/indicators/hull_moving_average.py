"""Hull moving average."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.lengths import root_of, scaled
from tradepool.core.graph.primitives import wma
from tradepool.core.indicators.page import LENGTH_FROM_2, SAME, indicator


@indicator("averages", span="about that of the source", source="Hull, 2005", flat=SAME, length=LENGTH_FROM_2)
def hma(source: Number = close, *, length: int | Number = 20) -> Number:
    """Twice a weighted average of half the length less one of all of it, smoothed over the root of the length.

    >>> hma(length=16).lookback
    18
    """
    fast, slow = wma(source, scaled(length, divide=2)), wma(source, length)
    return wma(2.0 * fast - slow, root_of(length))
