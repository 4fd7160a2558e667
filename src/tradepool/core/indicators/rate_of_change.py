"""Rate of change."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("momentum", span="-100 and up", source="Appel and Hitschler, 1980", flat=0.0, twin="ROC", length=LENGTH)
def roc(source: Number = close, *, length: int | Number = 10) -> Number:
    """By how many percent the value is above that of `length` bars ago.

    >>> roc().lookback
    10
    """
    return 100.0 * (source / lag(source, length) - 1.0)
