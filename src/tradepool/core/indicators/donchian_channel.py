"""Donchian channel."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, high, low
from tradepool.core.graph.primitives import highest, lowest
from tradepool.core.indicators.keltner_channel import Channel
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator("volatility", span="that of the price", source="Donchian, 1960", flat=SAME, length=LENGTH)
def donchian(*, length: int | Number = 20) -> Channel:
    """Highest high and lowest low of the last `length` bars, this one included, and the middle.

    A breakout is a close beyond the channel of the bar before: `close > lag(donchian().upper)`.

    >>> donchian().upper.lookback
    19
    """
    upper, lower = highest(high, length), lowest(low, length)
    return Channel(upper, (upper + lower) / 2.0, lower)
