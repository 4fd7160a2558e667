"""Vortex indicator."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, absolute, high, low, where
from tradepool.core.graph.primitives import lag, rolling_sum
from tradepool.core.indicators.page import LENGTH, indicator
from tradepool.core.indicators.true_range import true_range


class Vortex(NamedTuple):
    """Upward and downward movement over the true range."""

    plus: Number
    minus: Number


@indicator("trend", span="0 and up, about 1", source="Botes and Siepman, 2010", flat=1.0, length=LENGTH)
def vortex(*, length: int | Number = 14) -> Vortex:
    """From the low before to the high, and from the high before to the low, each summed over the sum of true ranges.

    >>> vortex().plus.lookback
    14
    """
    reach = rolling_sum(true_range(), length)
    up, down = absolute(high - lag(low)), absolute(low - lag(high))
    plus, minus = (where(reach > 0.0, rolling_sum(moved, length) / reach, 1.0) for moved in (up, down))
    return Vortex(plus, minus)
