"""Rate of change as a share."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("momentum", span="-1 and up", source="TA-Lib, 2001", flat=0.0, twin="ROCP", length=LENGTH)
def rocp(source: Number = close, *, length: int | Number = 10) -> Number:
    """By which share of the value of `length` bars ago it has risen since.

    >>> rocp().lookback
    10
    """
    before = lag(source, length)
    return (source - before) / before
