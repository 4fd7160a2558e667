"""Williams percent range."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, low
from tradepool.core.graph.primitives import highest, lowest
from tradepool.core.indicators.page import LENGTH_FROM_2, indicator
from tradepool.core.indicators.stochastic_oscillator import position


@indicator("momentum", span="-100 to 0", source="Williams, 1973", flat=-50.0, twin="WILLR", length=LENGTH_FROM_2)
def williams_r(*, length: int | Number = 14) -> Number:
    """How far the close is below the highest high, in percent of the range of the last `length` bars, negative.

    >>> williams_r().lookback
    13
    """
    return position(close, highest(high, length), lowest(low, length)) - 100.0
