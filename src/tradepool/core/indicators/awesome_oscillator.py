"""Awesome oscillator."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, high, low
from tradepool.core.graph.primitives import sma
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("momentum", span="any, about 0", source="Williams, 1998", flat=0.0, fast=LENGTH, slow=LENGTH)
def awesome_oscillator(*, fast: int | Number = 5, slow: int | Number = 34) -> Number:
    """How far a fast simple average of the bars' middles is above a slow one.

    >>> awesome_oscillator().lookback
    33
    """
    middle = (high + low) / 2.0
    return sma(middle, fast) - sma(middle, slow)
