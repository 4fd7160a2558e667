"""Fast stochastic oscillator."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, low
from tradepool.core.graph.primitives import highest, lowest, sma
from tradepool.core.indicators.page import LENGTH, indicator
from tradepool.core.indicators.stochastic_oscillator import Stochastic, position


@indicator("momentum", span="0 to 100", source="Lane, 1984", flat=50.0, twin="STOCHF", length=LENGTH, signal=LENGTH)
def stochastic_fast(*, length: int | Number = 14, signal: int | Number = 3) -> Stochastic:
    """Where the close lies between the lowest low and the highest high, as it is, and the average of that.

    >>> stochastic_fast().d.lookback
    15
    """
    k = position(close, highest(high, length), lowest(low, length))
    return Stochastic(k, sma(k, signal))
