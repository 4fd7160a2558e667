"""Support and resistance: buy near a level that held before, with a recommendation from strong sell to strong buy."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Boolean, Number, close, constant, crosses_above, is_known, parameter, where
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.indicators.relative_strength_index import rsi
from tradepool.core.indicators.support_resistance import SupportResistance, support_resistance
from tradepool.core.strategies.adapt import wildness
from tradepool.core.strategies.exits import stop_atrs, trail_atrs
from tradepool.core.strategies.strategy import Strategy

NAMES = ("strong sell", "sell", "neutral", "buy", "strong buy")
# Points from which it is a buy, and a strong one; below zero the same for sells.
PLAIN, STRONG = 2, 4


class Recommendation(NamedTuple):
    """Points from -5 to 5, and what each of them is for or against."""

    points: Number
    in_favour: tuple[Boolean, ...]
    against: tuple[Boolean, ...]


def recommended(points: float) -> str:
    """What so many points recommend.

    >>> [recommended(points) for points in (-5, -2, 0, 3, 4)]
    ['strong sell', 'sell', 'neutral', 'buy', 'strong buy']
    """
    sign = 1 if points > 0 else -1
    return NAMES[2 + sign * ((abs(points) >= PLAIN) + (abs(points) >= STRONG))]


def recommendation(levels: SupportResistance, reach: Number) -> Recommendation:
    """A point for each that holds, one less for each that speaks against it; `reach` is what counts as near."""
    strength, trend = rsi(length=14), ema(length=50)
    room = levels.resistance - close
    in_favour = (
        close - levels.support <= reach,
        levels.support_touches >= 3.0,
        (room > 2.0 * reach) | (is_known(levels.support) & ~is_known(levels.resistance)),
        close > trend,
        crosses_above(strength, 40.0) | (strength < 35.0),
    )
    against = (
        room <= reach,
        levels.resistance_touches >= 3.0,
        ~is_known(levels.support),
        close < trend,
        strength > 70.0,
    )
    points = constant(0.0)
    for good, bad in zip(in_favour, against, strict=True):
        points = points + where(good, 1.0, 0.0) - where(bad, 1.0, 0.0)
    return Recommendation(points, in_favour, against)


def strategy() -> Strategy:
    """Buy when the recommendation becomes a strong buy near support, leave when it becomes a sell or support breaks.

    A level is made of at least two swings close to each other; how close is near grows with how wild the market is.
    """
    neighbours = parameter("neighbours", 4, 1, 20, 1)
    levels = support_resistance(left=neighbours, right=neighbours, tolerance=parameter("tolerance", 0.7, 0.1, 5.0, 0.1))
    reach = parameter("near_atrs", 1.0, 0.1, 5.0, 0.1) * wildness() * atr()
    found = recommendation(levels, reach)
    said = zip(
        (*found.in_favour, *found.against),
        (
            *("near support", "support held 3 times", "room above", "above its average", "RSI weak"),
            *("near resistance", "resistance held 3 times", "no support below", "below its average", "RSI strong"),
        ),
        strict=True,
    )
    return Strategy(
        name="support_resistance",
        version=1,
        enter=(found.points >= parameter("buy_points", 3, 1, 5, 1)) & found.in_favour[0],
        exit=found.points <= parameter("sell_points", -2, -5, -1, 1),
        exits=stop_atrs(parameter("stop_atrs", 2.0, 0.5, 10.0, 0.1))
        + trail_atrs(parameter("trail_atrs", 3.0, 0.5, 20.0, 0.1)),
        confidence=(found.points + 5.0) / 10.0,
        words={
            found.points: "{:.0f} points for it",
            **dict(said),
        },
    )
