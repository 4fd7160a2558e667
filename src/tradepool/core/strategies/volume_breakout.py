"""Volume breakout: a new high counts when far more is traded than usual."""

from __future__ import annotations

from tradepool.core.graph.expr import close, crosses_above, high, parameter
from tradepool.core.graph.primitives import highest, lag
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.indicators.volume_z_score import volume_z_score
from tradepool.core.strategies.adapt import wildness
from tradepool.core.strategies.exits import stop_atrs
from tradepool.core.strategies.held import break_even, follow_levels, held, held_for
from tradepool.core.strategies.strategy import Strategy


def strategy() -> Strategy:
    """Buy a close above the range on unusual volume; leave below an average, after too long, or at break-even.

    How unusual the volume has to be grows with how wild the market is. The stop moves to the entry, with what the fees
    cost, once the close was some average true ranges beyond it.
    """
    top = lag(highest(high, parameter("range", 20, 5, 400, 1)))
    busy = volume_z_score(length=parameter("volume_length", 50, 5, 400, 1))
    sigma = parameter("sigma", 2.0, 0.5, 6.0, 0.1) * wildness()
    average = ema(length=parameter("average", 20, 2, 200, 1))
    enter = crosses_above(close, top) & (busy > sigma)
    late = held_for(enter, close < average, parameter("bars_most", 96, 4, 2_000, 1))
    leave = (close < average) | late
    unit = atr()
    stop = stop_atrs(parameter("stop_atrs", 2.5, 0.5, 10.0, 0.1))
    even = break_even(held(enter, leave), parameter("even_atrs", 2.0, 0.5, 20.0, 0.1) * unit)
    return Strategy(
        name="volume_breakout",
        version=1,
        enter=enter,
        exit=leave,
        exits=follow_levels(even) + stop,
        words={
            top: "the range",
            busy: "volume {:.1f} sigma",
            sigma: "what is unusual now",
            average: "its average",
            late: "held for bars_most bars",
            even: "the entry and its fees, once far enough ahead",
        },
    )
