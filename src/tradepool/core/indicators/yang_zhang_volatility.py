"""Yang-Zhang volatility."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, log, maximum, open_, square_root
from tradepool.core.graph.primitives import lag, sma, variance
from tradepool.core.indicators.page import LENGTH_FROM_2, indicator
from tradepool.core.indicators.rogers_satchell_volatility import rogers_satchell_squares


@indicator("volatility", span="0 and up", source="Yang and Zhang, 2000", flat=0.0, length=LENGTH_FROM_2)
def yang_zhang_volatility(*, length: int | Number = 20) -> Number:
    """Volatility of one bar from all four prices and the gap before it, whatever the drift.

    >>> yang_zhang_volatility().lookback
    20
    """
    ratio = 1.0 / (length - 1.0)
    share = 0.34 / (1.34 + (length + 1.0) * ratio)
    gaps = variance(log(open_ / lag(close)), length)
    moves = variance(log(close / open_), length)
    both = (gaps + share * moves) * (length * ratio)
    return square_root(maximum(both + (1.0 - share) * sma(rogers_satchell_squares(), length), 0.0))
