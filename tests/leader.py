"""A strategy that trades one market and reads another, for tests of the whole."""

from __future__ import annotations

from functools import cache

from tradepool.core.graph.expr import close, crosses_above, crosses_below
from tradepool.core.graph.primitives import sma
from tradepool.core.graph.scope import of, on
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.strategies.exits import stop_atrs, trail_atrs
from tradepool.core.strategies.strategy import Strategy


@cache
def with_leader(symbol: str) -> Strategy:
    """Moving averages that cross, while the leader is above its average and its last longer candle rose."""
    calm = of(symbol, close > sma(close, 60)) & of(symbol, on("1h", close > ema(length=3)))
    fast, slow = ema(length=5), ema(length=13)
    return Strategy(
        name=f"with {symbol}",
        version=1,
        enter=crosses_above(fast, slow) & calm,
        exit=crosses_below(fast, slow) | ~calm,
        exits=stop_atrs(1.5) + trail_atrs(2.0),
    )
