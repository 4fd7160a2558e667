"""Fisher transform."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, constant, high, log, low, maximum, minimum, where
from tradepool.core.graph.primitives import highest, lag, lowest
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import LENGTH, indicator


class Fisher(NamedTuple):
    """The transform and what it was a bar ago."""

    line: Number
    signal: Number


@indicator("momentum", span="any, mostly -3 to 3", source="Ehlers, 2002", flat=0.0, length=LENGTH)
def fisher(source: Number = (high + low) / 2.0, *, length: int | Number = 10) -> Fisher:
    """The place of the value in its window, smoothed and spread so that extremes stand out as in a bell curve.

    >>> fisher().line.lookback
    9
    """
    top, bottom = highest(source, length), lowest(source, length)
    place = where(top > bottom, (source - bottom) / (top - bottom) - 0.5, 0.0)

    def follow(smoothed: Number, transform: Number) -> tuple[Number, Number]:
        value = minimum(0.999, maximum(-0.999, 0.66 * place + 0.67 * smoothed))
        return value, 0.5 * log((1.0 + value) / (1.0 - value)) + 0.5 * transform

    _, line = recursive(follow(constant(0.0), constant(0.0)), follow)
    return Fisher(line, lag(line))
