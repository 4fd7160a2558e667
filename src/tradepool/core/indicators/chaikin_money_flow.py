"""Chaikin money flow."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, volume, where
from tradepool.core.graph.primitives import rolling_sum
from tradepool.core.indicators.accumulation_distribution import money_flow_volume
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("volume", span="-1 to 1", source="Chaikin, 1994", flat=0.0, length=LENGTH)
def cmf(*, length: int | Number = 20) -> Number:
    """Volume weighted by where each bar closed in its range, over the volume; 0 where nothing was traded.

    >>> cmf().lookback
    19
    """
    traded = rolling_sum(volume, length)
    return where(traded > 0.0, rolling_sum(money_flow_volume(), length) / traded, 0.0)
