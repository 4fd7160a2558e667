"""Price volume trend."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, volume
from tradepool.core.graph.primitives import cumulative, lag
from tradepool.core.indicators.page import indicator


@indicator("volume", span="any", source="Markstein, 1966", flat=0.0)
def price_volume_trend() -> Number:
    """Running total of the volume times by which share the close rose.

    >>> price_volume_trend().lookback, price_volume_trend().warm_up
    (1, None)
    """
    return cumulative(volume * (close / lag(close) - 1.0))
