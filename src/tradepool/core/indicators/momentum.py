"""Momentum."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import delta
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("momentum", span="any, about 0", source="Hartle, 1996", flat=0.0, twin="MOM", length=LENGTH)
def momentum(source: Number = close, *, length: int | Number = 10) -> Number:
    """By how much the value is above that of `length` bars ago.

    >>> momentum().lookback
    10
    """
    return delta(source, length)
