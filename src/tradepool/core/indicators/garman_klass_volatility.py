"""Garman-Klass volatility."""

from __future__ import annotations

import math

from tradepool.core.graph.expr import Number, close, high, log, low, maximum, open_, square_root
from tradepool.core.graph.primitives import sma
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("volatility", span="0 and up", source="Garman and Klass, 1980", flat=0.0, length=LENGTH)
def garman_klass_volatility(*, length: int | Number = 20) -> Number:
    """Volatility of one bar from all four prices, for a price without drift.

    >>> garman_klass_volatility().lookback
    19
    """
    reach, moved = log(high / low), log(close / open_)
    squares = 0.5 * (reach * reach) - (2.0 * math.log(2.0) - 1.0) * (moved * moved)
    return square_root(maximum(sma(squares, length), 0.0))
