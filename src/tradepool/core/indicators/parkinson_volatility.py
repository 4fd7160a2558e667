"""Parkinson volatility."""

from __future__ import annotations

import math

from tradepool.core.graph.expr import Number, high, log, low, square_root
from tradepool.core.graph.primitives import sma
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("volatility", span="0 and up", source="Parkinson, 1980", flat=0.0, length=LENGTH)
def parkinson_volatility(*, length: int | Number = 20) -> Number:
    """Volatility of one bar from highs and lows alone: five times as efficient as from closes.

    >>> parkinson_volatility().lookback
    19
    """
    reach = log(high / low)
    return square_root(sma(reach * reach, length) / (4.0 * math.log(2.0)))
