"""Average directional index and directional indicators."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, absolute, high, low, where
from tradepool.core.graph.primitives import delta, lag, wilder
from tradepool.core.indicators.page import LENGTH_FROM_2, indicator
from tradepool.core.indicators.true_range import true_range


class DirectionalMovement(NamedTuple):
    """Upward and downward indicator, how far they are apart, and the average of that, in percent."""

    plus: Number
    minus: Number
    dx: Number
    adx: Number


@indicator(
    "trend", span="0 to 100", source="Wilder, 1978", flat=0.0, twin="PLUS_DI MINUS_DI DX ADX", length=LENGTH_FROM_2
)
def adx(*, length: int | Number = 14) -> DirectionalMovement:
    """Share of the true range that went beyond the bar before, on either side; how one-sided it was, and its average.

    >>> adx().plus.lookback, adx().adx.lookback
    (14, 27)
    """
    up, down = delta(high), lag(low) - low
    risen = wilder(where((up > down) & (up > 0.0), up, 0.0), length, seed="sum")
    fallen = wilder(where((down > up) & (down > 0.0), down, 0.0), length, seed="sum")
    reach = wilder(true_range(), length, seed="sum")
    plus, minus = (where(reach > 0.0, 100.0 * (moved / reach), 0.0) for moved in (risen, fallen))
    moved = plus + minus
    dx = where(moved > 0.0, 100.0 * (absolute(plus - minus) / moved), 0.0)
    return DirectionalMovement(plus, minus, dx, wilder(dx, length))
