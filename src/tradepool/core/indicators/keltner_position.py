"""Position within the Keltner channel."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, where
from tradepool.core.indicators.keltner_channel import keltner
from tradepool.core.indicators.page import LENGTH, WIDTH, indicator


@indicator(
    "volatility",
    span="any, mostly 0 to 1",
    source="Raschke, 1995",
    flat=0.5,
    length=LENGTH,
    atr_length=LENGTH,
    ranges=WIDTH,
)
def keltner_position(
    *, length: int | Number = 20, atr_length: int | Number = 10, ranges: float | Number = 2.0
) -> Number:
    """Where the close stands: 0 at the lower band, 1 at the upper one.

    >>> keltner_position().lookback
    19
    """
    bands = keltner(length=length, atr_length=atr_length, ranges=ranges)
    apart = bands.upper - bands.lower
    return where(apart > 0.0, (close - bands.lower) / apart, 0.5)
