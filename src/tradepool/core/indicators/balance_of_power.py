"""Balance of power."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, low, open_, where
from tradepool.core.indicators.page import indicator


@indicator("momentum", span="-1 to 1", source="Livshin, 2001", flat=0.0, twin="BOP")
def balance_of_power() -> Number:
    """How far the bar closed above its open, as a share of its range; 0 without a range.

    >>> balance_of_power().lookback
    0
    """
    reach = high - low
    return where(reach > 0.0, (close - open_) / reach, 0.0)
