"""True range."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, low, maximum, minimum
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.page import indicator


@indicator("volatility", span="0 and up", source="Wilder, 1978", flat=0.0, twin="TRANGE")
def true_range() -> Number:
    """How far the price moved in a bar, the gap from the last close included.

    >>> true_range().lookback
    1
    """
    return maximum(high, lag(close)) - minimum(low, lag(close))
