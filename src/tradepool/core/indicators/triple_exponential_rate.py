"""Rate of change of a triple exponential average (TRIX)."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import ema, lag
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("momentum", span="any, about 0", source="Hutson, 1983", flat=0.0, twin="TRIX", length=LENGTH)
def trix(source: Number = close, *, length: int | Number = 15) -> Number:
    """By how many percent an exponential average of an average of an average has risen in a bar.

    >>> trix().lookback
    43
    """
    thrice = ema(ema(ema(source, length), length), length)
    return 100.0 * (thrice / lag(thrice) - 1.0)
