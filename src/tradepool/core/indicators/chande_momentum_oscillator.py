"""Chande momentum oscillator."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, maximum, where
from tradepool.core.graph.primitives import delta, wilder
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("momentum", span="-100 to 100", source="Chande, 1994", flat=0.0, twin="CMO", length=LENGTH)
def cmo(source: Number = close, *, length: int | Number = 14) -> Number:
    """Upward less downward moves over all moves, in percent, smoothed as Wilder does (and TA-Lib).

    >>> cmo().lookback
    14
    """
    change = delta(source)
    gain, loss = wilder(maximum(change, 0.0), length), wilder(maximum(-change, 0.0), length)
    moved = gain + loss
    return where(moved > 0.0, 100.0 * ((gain - loss) / moved), 0.0)
