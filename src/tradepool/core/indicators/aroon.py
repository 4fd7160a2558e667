"""Aroon."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, high, low
from tradepool.core.graph.lengths import scaled
from tradepool.core.graph.primitives import since_highest, since_lowest
from tradepool.core.indicators.page import LENGTH_FROM_2, indicator


class Aroon(NamedTuple):
    """How recent the highest high and the lowest low are, and the difference."""

    up: Number
    down: Number
    oscillator: Number


@indicator(
    "trend",
    span=("0 to 100", "0 to 100", "-100 to 100"),
    source="Chande, 1995",
    flat=(100.0, 100.0, 0.0),
    twin="AROON AROONOSC",
    length=LENGTH_FROM_2,
)
def aroon(*, length: int | Number = 14) -> Aroon:
    """100 where the extreme of the last `length` bars and the one before is this bar, 0 where it is the oldest.

    >>> aroon().up.lookback
    14
    """
    window = scaled(length, add=1)
    up, down = (100.0 * ((length - ago) / length) for ago in (since_highest(high, window), since_lowest(low, window)))
    return Aroon(up, down, up - down)
