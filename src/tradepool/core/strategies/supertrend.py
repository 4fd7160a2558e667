"""SuperTrend: be in the market while the line is below the price, with the line as the stop."""

from __future__ import annotations

from tradepool.core.graph.expr import crosses_above, parameter
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.supertrend import supertrend
from tradepool.core.strategies.exits import stop_at
from tradepool.core.strategies.strategy import Strategy


def strategy() -> Strategy:
    """Buy when SuperTrend turns up, leave when it turns down; meanwhile the stop follows its line."""
    length = parameter("length", 10, 2, 200, 1)
    trend = supertrend(length=length, ranges=parameter("ranges", 3.0, 0.5, 10.0, 0.1))
    return Strategy(
        name="supertrend",
        version=1,
        enter=crosses_above(trend.direction, 0.0),
        exit=trend.direction < 0.0,
        exits=stop_at(trend.line, step=atr(length=length) * 0.25),
        words={trend.direction: "the direction of SuperTrend", trend.line: "the SuperTrend line"},
    )
