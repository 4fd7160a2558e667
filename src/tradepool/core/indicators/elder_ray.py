"""Elder ray."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close, high, low
from tradepool.core.graph.primitives import ema
from tradepool.core.indicators.page import LENGTH, indicator


class ElderRay(NamedTuple):
    """Power of the buyers and of the sellers, in units of price."""

    bull: Number
    bear: Number


@indicator("momentum", span="any, about 0", source="Elder, 1989", flat=0.0, length=LENGTH)
def elder_ray(*, length: int | Number = 13) -> ElderRay:
    """How far the high and the low are above an exponential average of the close.

    >>> elder_ray().bull.lookback
    12
    """
    average = ema(close, length)
    return ElderRay(high - average, low - average)
