"""Wave trend."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, absolute, close, high, low, where
from tradepool.core.graph.primitives import ema, sma
from tradepool.core.indicators.page import LENGTH, indicator


class WaveTrend(NamedTuple):
    """The oscillator and its average."""

    line: Number
    signal: Number


@indicator("momentum", span="any, mostly -60 to 60", source="LazyBear, 2014", flat=0.0, channel=LENGTH, average=LENGTH)
def wave_trend(*, channel: int | Number = 10, average: int | Number = 21) -> WaveTrend:
    """How far the typical price is from its average, in 0.015ths of its usual distance, smoothed; and its mean of 4.

    >>> wave_trend().line.lookback
    38
    """
    price = (high + low + close) / 3.0
    away = price - ema(price, channel)
    usual = ema(absolute(away), channel)
    line = ema(where(usual > 1e-14 * price, away / (0.015 * usual), 0.0), average)
    return WaveTrend(line, sma(line, 4))
