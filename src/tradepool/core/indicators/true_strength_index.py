"""True strength index."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, absolute, close, where
from tradepool.core.graph.primitives import delta, ema
from tradepool.core.indicators.page import LENGTH, indicator


class TrueStrength(NamedTuple):
    """The index and its average."""

    line: Number
    signal: Number


@indicator("momentum", span="-100 to 100", source="Blau, 1991", flat=0.0, long=LENGTH, short=LENGTH, signal=LENGTH)
def tsi(
    source: Number = close, *, long: int | Number = 25, short: int | Number = 13, signal: int | Number = 13
) -> TrueStrength:
    """The twice smoothed change over the twice smoothed size of the change, in percent, and the average of that.

    >>> tsi().line.lookback
    37
    """
    change = delta(source)
    way = ema(ema(absolute(change), long), short)
    line = where(way > 0.0, 100.0 * (ema(ema(change, long), short) / way), 0.0)
    return TrueStrength(line, ema(line, signal))
