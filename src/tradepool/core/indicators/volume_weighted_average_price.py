"""Volume weighted average price of a session."""

from __future__ import annotations

from tradepool.core.graph.expr import Number
from tradepool.core.graph.scope import session
from tradepool.core.indicators.anchored_volume_weighted_average_price import anchored_vwap
from tradepool.core.indicators.page import SAME, indicator


@indicator("volume", span="that of the price", source="Berkowitz, Logue and Noser, 1988", flat=SAME)
def vwap(*, timeframe: str = "1d") -> Number:
    """Mean typical price since the session began, weighted by volume; no value where nothing was traded yet.

    >>> vwap().lookback, vwap(timeframe="1h").warm_up
    (1, 61)
    """
    return anchored_vwap(session(timeframe))
