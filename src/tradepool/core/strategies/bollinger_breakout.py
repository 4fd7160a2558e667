"""Bollinger breakout: follow a price that leaves its band upward, until it falls back to the middle."""

from __future__ import annotations

from tradepool.core.graph.expr import close, crosses_above, crosses_below, parameter
from tradepool.core.indicators.bollinger_bands import bollinger
from tradepool.core.strategies.exits import stop_percent, trail_percent
from tradepool.core.strategies.strategy import Strategy


def strategy() -> Strategy:
    """Buy when the close crosses above the upper band, leave when it crosses below the middle."""
    bands = bollinger(length=parameter("length", 20, 2, 400, 1), width=parameter("width", 2.0, 0.5, 5.0, 0.1))
    return Strategy(
        name="bollinger_breakout",
        version=1,
        enter=crosses_above(close, bands.upper),
        exit=crosses_below(close, bands.middle),
        exits=stop_percent(parameter("stop_percent", 2.0, 0.1, 50.0, 0.1))
        + trail_percent(parameter("trail_percent", 3.0, 0.1, 50.0, 0.1)),
        words={bands.upper: "the upper band", bands.middle: "the middle band"},
    )
