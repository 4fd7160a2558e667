"""Moving-average cross: be in the market while it runs ahead of itself."""

from __future__ import annotations

from tradepool.core.graph.expr import crosses_above, crosses_below, parameter
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.strategies.exits import stop_atrs, trail_atrs
from tradepool.core.strategies.strategy import Strategy


def strategy() -> Strategy:
    """Buy when the fast average crosses above the slow one, leave when it crosses back."""
    fast = ema(length=parameter("fast", 12, 2, 200, 1))
    slow = ema(length=parameter("slow", 26, 3, 400, 1))
    length = parameter("atr_length", 14, 2, 100, 1)
    return Strategy(
        name="moving_average_cross",
        version=1,
        enter=crosses_above(fast, slow),
        exit=crosses_below(fast, slow),
        exits=stop_atrs(parameter("stop_atrs", 3.0, 0.5, 20.0, 0.1), length=length)
        + trail_atrs(parameter("trail_atrs", 4.0, 0.5, 20.0, 0.1), length=length),
        words={fast: "the fast average", slow: "the slow average"},
    )
