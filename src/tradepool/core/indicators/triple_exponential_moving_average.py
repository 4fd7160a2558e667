"""Triple exponential moving average."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import ema
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator("averages", span="about that of the source", source="Mulloy, 1994", flat=SAME, twin="TEMA", length=LENGTH)
def tema(source: Number = close, *, length: int | Number = 20) -> Number:
    """Three times an exponential average, less three times the average of it, plus the average of that.

    >>> tema(length=20).lookback
    57
    """
    once = ema(source, length)
    twice = ema(once, length)
    return 3.0 * once - 3.0 * twice + ema(twice, length)
