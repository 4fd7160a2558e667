"""Chande Kroll stop."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, high, low
from tradepool.core.graph.primitives import highest, lowest
from tradepool.core.indicators.average_true_range import atr
from tradepool.core.indicators.page import LENGTH, SAME, WIDTH, indicator


class Stops(NamedTuple):
    """Where to stop a long and a short, in units of price."""

    long: Number
    short: Number


@indicator(
    "trend",
    span="about that of the price",
    source="Chande and Kroll, 1994",
    flat=SAME,
    length=LENGTH,
    ranges=WIDTH,
    smoothing=LENGTH,
)
def chande_kroll_stop(*, length: int | Number = 10, ranges: float | Number = 1.0, smoothing: int | Number = 9) -> Stops:
    """Stops so many average true ranges from the extremes, held at the most cautious of the last `smoothing` bars.

    >>> chande_kroll_stop().long.lookback
    18
    """
    reach = ranges * atr(length=length)
    return Stops(lowest(lowest(low, length) + reach, smoothing), highest(highest(high, length) - reach, smoothing))
