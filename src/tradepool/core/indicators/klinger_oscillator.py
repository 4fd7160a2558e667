"""Klinger oscillator."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, absolute, close, high, low, volume, where
from tradepool.core.graph.primitives import delta, ema, lag
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import LENGTH, indicator


class Klinger(NamedTuple):
    """The oscillator and its average."""

    line: Number
    signal: Number


@indicator("volume", span="any, about 0", source="Klinger, 1997", flat=0.0, fast=LENGTH, slow=LENGTH, signal=LENGTH)
def klinger(*, fast: int | Number = 34, slow: int | Number = 55, signal: int | Number = 13) -> Klinger:
    """A fast average of the volume force less a slow one: volume signed by the trend, weighted by how far it is along.

    >>> klinger().line.lookback
    55
    """
    reach, trend = high - low, where(delta(high + low + close) > 0.0, 1.0, -1.0)

    def follow(side: Number, way: Number, before: Number) -> tuple[Number, Number, Number]:
        goes_on = where(side > 0.0, trend, -trend) > 0.0
        return trend, where(goes_on, way, before) + reach, reach

    _, way, _ = recursive((trend, lag(reach) + reach, reach), follow)
    force = where(way > 0.0, 100.0 * (volume * trend) * absolute(2.0 * (reach / way) - 1.0), 0.0)
    line = ema(force, fast) - ema(force, slow)
    return Klinger(line, ema(line, signal))
