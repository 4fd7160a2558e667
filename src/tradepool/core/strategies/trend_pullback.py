"""Trend pullback: buy the end of a dip while the hourly trend is up."""

from __future__ import annotations

from tradepool.core.graph.expr import crosses_above, parameter
from tradepool.core.graph.scope import on
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.indicators.relative_strength_index import rsi
from tradepool.core.strategies.exits import stop_atrs
from tradepool.core.strategies.strategy import Strategy


def strategy() -> Strategy:
    """Buy when the RSI comes back from a dip while the hourly averages point up; leave on strength or when they turn.

    For bars of an hour or less. The trend is of closed hours only, so it is the same in a backtest and live.
    """
    fast = ema(length=parameter("fast", 10, 2, 100, 1))
    slow = ema(length=parameter("slow", 30, 3, 200, 1))
    uptrend = on("1h", fast > slow)
    strength = rsi(length=parameter("rsi_length", 14, 2, 100, 1))
    recovery = crosses_above(strength, parameter("dip", 30, 5, 50, 1))
    return Strategy(
        name="trend_pullback",
        version=1,
        enter=recovery & uptrend,
        exit=(strength > parameter("strong", 70, 50, 95, 1)) | ~uptrend,
        exits=stop_atrs(parameter("stop_atrs", 4.0, 0.5, 20.0, 0.1)),
        words={strength: "RSI", uptrend: "hourly trend up"},
    )
