"""How parameters follow the market: by how wild it is now, beside how wild it usually is."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, maximum, minimum
from tradepool.core.graph.primitives import sma
from tradepool.core.indicators.normalized_average_true_range import natr

LEAST, MOST = 0.5, 2.0


def wildness(*, length: int | Number = 14, usual: int | Number = 100) -> Number:
    """The average true range in percent over its own mean of the last `usual` bars, from 0.5 (calm) to 2 (wild).

    Multiply a threshold or a distance by it: the same signal then has to be larger in a wild market.

    >>> wildness().lookback
    113
    """
    now = natr(length=length)
    return maximum(LEAST, minimum(MOST, now / sma(now, usual)))
