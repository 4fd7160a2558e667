"""RSI divergence: the price makes a lower low, the RSI does not: the fall has lost its force."""

from __future__ import annotations

from tradepool.core.graph.expr import close, low, parameter
from tradepool.core.graph.primitives import lowest
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.divergence import divergence
from tradepool.core.indicators.relative_strength_index import rsi
from tradepool.core.strategies.adapt import wildness
from tradepool.core.strategies.exits import stop_at
from tradepool.core.strategies.held import held_for
from tradepool.core.strategies.strategy import Strategy


def strategy() -> Strategy:
    """Buy a bullish divergence between two swing lows; leave at a bearish one, on strength, or after too long.

    A swing is known some bars after it was made and not before. Weak divergences, at an RSI that was never low, are
    left out; in a wild market it has to be lower. The stop is below the newest low.
    """
    strength = rsi(length=parameter("rsi_length", 14, 2, 100, 1))
    neighbours = parameter("neighbours", 4, 1, 20, 1)
    found = divergence(strength, left=neighbours, right=neighbours, within=parameter("within", 60, 5, 400, 1))
    wild = wildness()
    weakest = lowest(strength, parameter("weak_bars", 15, 2, 100, 1))
    weak = parameter("weak", 45, 10, 60, 1) / wild
    enter = found.bullish & (weakest < weak)
    leave = found.bearish | (strength > parameter("strong", 70, 50, 95, 1))
    late = held_for(enter, leave, parameter("bars_most", 120, 4, 2_000, 1))
    bottom = lowest(low, parameter("stop_bars", 12, 2, 100, 1)) - parameter("margin", 0.5, 0.0, 5.0, 0.1) * wild * atr()
    return Strategy(
        name="rsi_divergence",
        version=1,
        enter=enter,
        exit=leave | late,
        exits=stop_at(bottom, step=close * 0.001),
        words={
            found.bullish: "bullish RSI divergence",
            found.bearish: "bearish RSI divergence",
            strength: "RSI",
            weakest: "the lowest RSI of late",
            weak: "what is weak now",
            late: "held for bars_most bars",
            bottom: "a little below the newest low",
        },
    )
