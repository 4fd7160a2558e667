"""Know sure thing."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import sma
from tradepool.core.indicators.page import LENGTH, indicator
from tradepool.core.indicators.rate_of_change import roc


class KnowSureThing(NamedTuple):
    """The sum and its average, in percent."""

    line: Number
    signal: Number


@indicator("momentum", span="any, about 0", source="Pring, 1992", flat=0.0, signal=LENGTH)
def kst(source: Number = close, *, signal: int | Number = 9) -> KnowSureThing:
    """Smoothed rates of change over 10, 15, 20 and 30 bars, weighted 1, 2, 3 and 4, and the average of that.

    >>> kst().line.lookback
    44
    """
    parts = [sma(roc(source, length=bars), smoothing) for bars, smoothing in ((10, 10), (15, 10), (20, 10), (30, 15))]
    line = parts[0] + 2.0 * parts[1] + 3.0 * parts[2] + 4.0 * parts[3]
    return KnowSureThing(line, sma(line, signal))
