"""On-balance volume."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, volume, where
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import SAME, indicator


@indicator("volume", span="any", source="Granville, 1963", flat=SAME, twin="OBV")
def obv() -> Number:
    """Running total of the volume of rising less that of falling bars, begun with the first bar's.

    >>> obv().lookback, obv().warm_up
    (0, None)
    """

    def follow(total: Number, before: Number) -> tuple[Number, Number]:
        return total + where(close > before, volume, where(close < before, -volume, 0.0)), close

    return recursive((volume, close), follow)[0]
