"""Donchian, the turtles' rule: follow a new high of weeks until a new low of days."""

from __future__ import annotations

from tradepool.core.graph.expr import close, crosses_above, crosses_below, high, low, maximum, parameter
from tradepool.core.graph.primitives import highest, lag, lowest
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.strategies.adapt import wildness
from tradepool.core.strategies.exits import stop_at
from tradepool.core.strategies.strategy import Strategy


def strategy() -> Strategy:
    """Buy a close above the channel of the bars before, leave below a shorter one; in a wild market the stop is wider.

    The turtles' system one without their additions to a position (Dennis and Eckhardt, 1983).
    """
    top = lag(highest(high, parameter("length", 20, 5, 400, 1)))
    bottom = lag(lowest(low, parameter("exit_length", 10, 3, 200, 1)))
    unit = atr(length=parameter("atr_length", 20, 2, 100, 1))
    reach = parameter("stop_atrs", 2.0, 0.5, 10.0, 0.1) * wildness() * unit
    line = maximum(bottom, close - reach)
    return Strategy(
        name="donchian_turtle",
        version=1,
        enter=crosses_above(close, top),
        exit=crosses_below(close, bottom),
        exits=stop_at(line, step=unit * 0.25),
        words={
            top: "the highest high of the channel",
            bottom: "the lowest low of the channel",
            unit: "average true range",
            line: "the channel's low, or what volatility allows",
        },
    )
