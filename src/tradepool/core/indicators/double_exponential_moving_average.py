"""Double exponential moving average."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import ema
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator("averages", span="about that of the source", source="Mulloy, 1994", flat=SAME, twin="DEMA", length=LENGTH)
def dema(source: Number = close, *, length: int | Number = 20) -> Number:
    """Twice an exponential average less the average of it, which takes out most of the delay.

    >>> dema(length=20).lookback
    38
    """
    once = ema(source, length)
    return 2.0 * once - ema(once, length)
