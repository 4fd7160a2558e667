"""Zero lag exponential moving average."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.lengths import LENGTH_MAX, scaled
from tradepool.core.graph.primitives import delta, ema
from tradepool.core.indicators.page import SAME, indicator


@indicator(
    "averages", span="about that of the source", source="Ehlers and Way, 2010", flat=SAME, length=(3, LENGTH_MAX)
)
def zlema(source: Number = close, *, length: int | Number = 20) -> Number:
    """Exponential average of the value plus what it has gained over half the length, which makes up for the delay.

    >>> zlema().lookback
    28
    """
    delay = scaled(scaled(length, add=-1), divide=2)
    return ema(source + delta(source, delay), length)
