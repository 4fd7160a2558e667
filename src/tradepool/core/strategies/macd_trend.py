"""MACD trend following: go with the momentum when the larger trend already points there."""

from __future__ import annotations

from tradepool.core.graph.expr import close, crosses_above, crosses_below, parameter
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.directional_movement_index import adx
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.indicators.moving_average_convergence_divergence import macd
from tradepool.core.strategies.adapt import wildness
from tradepool.core.strategies.exits import stop_atrs, trail_atrs
from tradepool.core.strategies.strategy import Strategy


def strategy() -> Strategy:
    """Buy when MACD leaves its signal upward by more than noise, above a long average and in a market that trends.

    What counts as noise is a share of the average true range, and grows while the market is wild.
    """
    lines = macd(
        fast=parameter("fast", 12, 2, 100, 1),
        slow=parameter("slow", 26, 3, 200, 1),
        signal=parameter("signal", 9, 2, 100, 1),
    )
    trend = ema(length=parameter("trend", 100, 10, 400, 1))
    strength = adx(length=14).adx
    noise = parameter("noise", 0.05, 0.0, 1.0, 0.01) * wildness() * atr()
    return Strategy(
        name="macd_trend",
        version=1,
        enter=crosses_above(lines.line, lines.signal + noise)
        & (close > trend)
        & (strength > parameter("adx", 20, 5, 50, 1)),
        exit=crosses_below(lines.line, lines.signal),
        exits=stop_atrs(parameter("stop_atrs", 3.0, 0.5, 20.0, 0.1))
        + trail_atrs(parameter("trail_atrs", 4.0, 0.5, 20.0, 0.1)),
        words={
            lines.line: "MACD",
            lines.signal: "its signal",
            lines.signal + noise: "its signal and noise",
            trend: "its long average",
            strength: "ADX",
        },
    )
