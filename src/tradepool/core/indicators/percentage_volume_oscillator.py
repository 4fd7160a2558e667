"""Percentage volume oscillator."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, volume
from tradepool.core.indicators.page import LENGTH, indicator
from tradepool.core.indicators.percentage_price_oscillator import Ppo, ppo


@indicator(
    "volume", span="-100 to 100 or more", source="Achelis, 1995", flat=0.0, fast=LENGTH, slow=LENGTH, signal=LENGTH
)
def pvo(*, fast: int | Number = 12, slow: int | Number = 26, signal: int | Number = 9) -> Ppo:
    """By how many percent a fast average of the volume is above a slow one, the average of that, and the difference.

    >>> pvo().line.lookback
    25
    """
    return ppo(volume, fast=fast, slow=slow, signal=signal)
