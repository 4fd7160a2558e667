"""Width of the Bollinger bands."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.indicators.bollinger_bands import bollinger
from tradepool.core.indicators.page import LENGTH_FROM_2, WIDTH, indicator


@indicator("volatility", span="0 and up", source="Bollinger, 2001", flat=0.0, length=LENGTH_FROM_2, width=WIDTH)
def bollinger_width(source: Number = close, *, length: int | Number = 20, width: float | Number = 2.0) -> Number:
    """How far the bands are apart, as a share of the mean.

    >>> bollinger_width().lookback
    19
    """
    bands = bollinger(source, length=length, width=width)
    return (bands.upper - bands.lower) / bands.middle
