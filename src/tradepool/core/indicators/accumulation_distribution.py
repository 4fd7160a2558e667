"""Accumulation and distribution line."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, low, volume, where
from tradepool.core.graph.primitives import cumulative
from tradepool.core.indicators.page import indicator


def money_flow_volume() -> Number:
    """Volume times where the bar closed in its range, -1 at the low, 1 at the high; 0 without a range."""
    reach = high - low
    return where(reach > 0.0, (((close - low) - (high - close)) / reach) * volume, 0.0)


@indicator("volume", span="any", source="Chaikin, 1966", flat=0.0, twin="AD")
def accumulation_distribution() -> Number:
    """Running total of the volume, each bar's weighted by where it closed in its range.

    >>> accumulation_distribution().lookback, accumulation_distribution().warm_up
    (0, None)
    """
    return cumulative(money_flow_volume())
