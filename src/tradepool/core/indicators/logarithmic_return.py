"""Logarithmic return."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, log
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.page import indicator


@indicator("prices", span="any, usually within 0.1", source="Osborne, 1959", flat=0.0)
def log_return(source: Number = close) -> Number:
    """Natural logarithm of the value over the one before.

    >>> log_return().lookback
    1
    """
    return log(source / lag(source))


RETURN = log_return()
