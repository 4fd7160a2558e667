"""Anchored volume weighted average price."""

from __future__ import annotations

from tradepool.core.graph.expr import Boolean, Number, close, high, low, volume
from tradepool.core.graph.primitives import cumulative
from tradepool.core.graph.scope import session
from tradepool.core.indicators.page import SAME, indicator

SESSION = session("1d")


@indicator("volume", span="that of the price", source="Levine, 2004", flat=SAME)
def anchored_vwap(anchor: Boolean = SESSION) -> Number:
    """Mean typical price since the bar at which `anchor` last held, weighted by volume.

    No value where nothing was traded yet.

    >>> anchored_vwap(high < 2 * low).lookback
    0
    """
    price = (high + low + close) / 3.0
    return cumulative(price * volume, reset=anchor) / cumulative(volume, reset=anchor)
