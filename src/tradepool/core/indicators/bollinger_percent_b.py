"""Position within the Bollinger bands."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, where
from tradepool.core.indicators.bollinger_bands import bollinger
from tradepool.core.indicators.page import LENGTH_FROM_2, WIDTH, indicator


@indicator(
    "volatility", span="any, mostly 0 to 1", source="Bollinger, 2001", flat=0.5, length=LENGTH_FROM_2, width=WIDTH
)
def bollinger_percent_b(source: Number = close, *, length: int | Number = 20, width: float | Number = 2.0) -> Number:
    """0 at the lower band, 1 at the upper one.

    >>> bollinger_percent_b().lookback
    19
    """
    bands = bollinger(source, length=length, width=width)
    apart = bands.upper - bands.lower
    return where(apart > 0.0, (source - bands.lower) / apart, 0.5)
