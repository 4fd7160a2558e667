"""Quantitative qualitative estimation."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, absolute, close, constant, maximum, minimum, where
from tradepool.core.graph.lengths import scaled
from tradepool.core.graph.primitives import delta, ema, lag
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import LENGTH, WIDTH, indicator
from tradepool.core.indicators.relative_strength_index import rsi


class Qqe(NamedTuple):
    """The smoothed RSI and the stop that trails it."""

    line: Number
    stop: Number


@indicator(
    "momentum",
    span="0 to 100 (the stop a little more)",
    source="Ignatyev, 2004",
    flat=50.0,
    length=LENGTH,
    smoothing=LENGTH,
    factor=WIDTH,
)
def qqe(
    source: Number = close, *, length: int | Number = 14, smoothing: int | Number = 5, factor: float | Number = 4.236
) -> Qqe:
    """A smoothed RSI, and a stop that trails it by `factor` times its twice smoothed move a bar and turns when crossed.

    >>> qqe().line.lookback
    18
    """
    line = ema(rsi(source, length=length), smoothing)
    wide = scaled(length, multiply=2, add=-1)
    reach = factor * ema(ema(absolute(delta(line)), wide), wide)
    below, above, before = line - reach, line + reach, lag(line)

    def follow(floor: Number, ceiling: Number, side: Number) -> tuple[Number, Number, Number]:
        raised = where((before > floor) & (line > floor), maximum(floor, below), below)
        lowered = where((before < ceiling) & (line < ceiling), minimum(ceiling, above), above)
        turned = where(line > ceiling, 1.0, where(line < floor, -1.0, side))
        return raised, lowered, turned

    floor, ceiling, side = recursive((below, above, constant(1.0)), follow)
    return Qqe(line, where(side > 0.0, floor, ceiling))
