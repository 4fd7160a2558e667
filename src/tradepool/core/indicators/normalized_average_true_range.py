"""Normalized average true range."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("volatility", span="0 and up", source="Forman, 2006", flat=0.0, twin="NATR", length=LENGTH)
def natr(*, length: int | Number = 14) -> Number:
    """Wilder's average of the true range in percent of the close.

    >>> natr().lookback
    14
    """
    return 100.0 * (atr(length=length) / close)
