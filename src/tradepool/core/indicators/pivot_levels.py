"""Pivot levels of the session before."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close, high, low
from tradepool.core.graph.scope import on
from tradepool.core.indicators.page import SAME, indicator


class PivotLevels(NamedTuple):
    """Pivot, two resistances above it and two supports below it, in units of price."""

    pivot: Number
    resistance_1: Number
    support_1: Number
    resistance_2: Number
    support_2: Number


@indicator("structure", span="about that of the price", source="Person, 2004", flat=SAME)
def pivot_levels(*, timeframe: str = "1d") -> PivotLevels:
    """The floor traders' levels from the last closed candle of a longer timeframe.

    >>> pivot_levels(timeframe="1h").pivot.lookback
    120
    """
    top, bottom, last = on(timeframe, high), on(timeframe, low), on(timeframe, close)
    pivot = (top + bottom + last) / 3.0
    reach = top - bottom
    return PivotLevels(pivot, 2.0 * pivot - bottom, 2.0 * pivot - top, pivot + reach, pivot - reach)
