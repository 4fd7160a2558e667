"""Historical volatility."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, square_root
from tradepool.core.graph.primitives import variance
from tradepool.core.indicators.logarithmic_return import log_return
from tradepool.core.indicators.page import LENGTH_FROM_2, indicator


@indicator("volatility", span="0 and up", source="Osborne, 1959", flat=0.0, length=LENGTH_FROM_2)
def historical_volatility(source: Number = close, *, length: int | Number = 20) -> Number:
    """Population standard deviation of the logarithmic returns, of one bar: times the root of the bars of a year for one.

    >>> historical_volatility().lookback
    20
    """
    return square_root(variance(log_return(source), length))
