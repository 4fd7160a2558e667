"""Force index."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, volume
from tradepool.core.graph.primitives import delta, ema
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("volume", span="any, about 0", source="Elder, 1993", flat=0.0, length=LENGTH)
def force_index(*, length: int | Number = 13) -> Number:
    """Exponential average of the change times the volume.

    >>> force_index().lookback
    13
    """
    return ema(delta(close) * volume, length)
