"""Ichimoku."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close, high, low
from tradepool.core.graph.primitives import delta, highest, lag, lowest
from tradepool.core.indicators.page import LENGTH, SAME, indicator


class Ichimoku(NamedTuple):
    """The lines as they stand at this bar: the cloud (`span_a`, `span_b`) was drawn `displacement` bars ago."""

    conversion: Number
    base: Number
    span_a: Number
    span_b: Number
    lagging: Number


@indicator(
    "trend",
    span=("that of the price", "that of the price", "that of the price", "that of the price", "any, about 0"),
    source="Hosoda, 1969",
    flat=(SAME, SAME, SAME, SAME, 0.0),
    conversion=LENGTH,
    base=LENGTH,
    span_b=LENGTH,
    displacement=LENGTH,
)
def ichimoku(
    *,
    conversion: int | Number = 9,
    base: int | Number = 26,
    span_b: int | Number = 52,
    displacement: int | Number = 26,
) -> Ichimoku:
    """Midpoints of three lengths, the cloud that stands ahead of them, and how far the close is above the one it lags to.

    The lagging line is the close drawn back; what it shows is whether it is above the price there, so that is given.

    >>> ichimoku().base.lookback, ichimoku().span_b.lookback
    (25, 77)
    """
    quick, slow, slowest = ((highest(high, n) + lowest(low, n)) / 2.0 for n in (conversion, base, span_b))
    ahead = (quick + slow) / 2.0
    return Ichimoku(quick, slow, lag(ahead, displacement), lag(slowest, displacement), delta(close, displacement))
