"""Schaff trend cycle."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, where
from tradepool.core.graph.primitives import ema, highest, lowest
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import LENGTH, indicator


def _cycle(source: Number, length: int | Number) -> Number:
    """Where a value lies in its window, 0 to 100, followed by half of the way each bar."""
    bottom, top = lowest(source, length), highest(source, length)
    moves = top > bottom
    place = 100.0 * ((source - bottom) / (top - bottom))

    def follow(found: Number, smoothed: Number) -> tuple[Number, Number]:
        now = where(moves, place, found)
        return now, smoothed + 0.5 * (now - smoothed)

    begin = where(moves, place, 50.0)
    return recursive((begin, begin), follow)[1]


@indicator("momentum", span="0 to 100", source="Schaff, 1999", flat=50.0, fast=LENGTH, slow=LENGTH, length=LENGTH)
def schaff_trend_cycle(
    source: Number = close, *, fast: int | Number = 23, slow: int | Number = 50, length: int | Number = 10
) -> Number:
    """The stochastic of the stochastic of a fast average less a slow one, each followed by half of the way a bar.

    >>> schaff_trend_cycle().lookback
    67
    """
    return _cycle(_cycle(ema(source, fast) - ema(source, slow), length), length)
