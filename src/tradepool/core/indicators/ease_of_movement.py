"""Ease of movement."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, high, low, volume, where
from tradepool.core.graph.primitives import delta, sma
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("volume", span="any, about 0", source="Arms, 1996", flat=0.0, length=LENGTH)
def ease_of_movement(*, length: int | Number = 14) -> Number:
    """Mean of how far the bar's middle moved times its range, over its volume; a bar without volume counts 0.

    >>> ease_of_movement().lookback
    14
    """
    moved = delta((high + low) / 2.0) * (high - low)
    return sma(where(volume > 0.0, moved / volume, 0.0), length)
