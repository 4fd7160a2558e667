"""Average true range."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.graph.primitives import wilder
from tradepool.core.indicators.page import LENGTH, indicator
from tradepool.core.indicators.true_range import true_range


@indicator("volatility", span="0 and up", source="Wilder, 1978", flat=0.0, twin="ATR", length=LENGTH)
def atr(*, length: int | Number = 14) -> Number:
    """Wilder's average of the true range.

    >>> atr(length=14).lookback
    14
    """
    return wilder(true_range(), length)
