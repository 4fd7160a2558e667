"""Rogers-Satchell volatility."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, log, low, maximum, open_, square_root
from tradepool.core.graph.primitives import sma
from tradepool.core.indicators.page import LENGTH, indicator


def rogers_satchell_squares() -> Number:
    """The variance that a bar's four prices speak for, whatever the drift."""
    return log(high / close) * log(high / open_) + log(low / close) * log(low / open_)


@indicator("volatility", span="0 and up", source="Rogers and Satchell, 1991", flat=0.0, length=LENGTH)
def rogers_satchell_volatility(*, length: int | Number = 20) -> Number:
    """Volatility of one bar from all four prices, whatever the drift.

    >>> rogers_satchell_volatility().lookback
    19
    """
    return square_root(maximum(sma(rogers_satchell_squares(), length), 0.0))
