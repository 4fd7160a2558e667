"""Heikin-Ashi bars."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close, high, low, maximum, minimum, open_
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import SAME, indicator


class HeikinAshi(NamedTuple):
    """The four prices of a smoothed bar."""

    open: Number
    high: Number
    low: Number
    close: Number


@indicator("prices", span="about that of the price", source="Valcu, 2004", flat=SAME)
def heikin_ashi() -> HeikinAshi:
    """Bars that open in the middle of the smoothed bar before and close at the mean of their four prices.

    >>> heikin_ashi().close.lookback
    0
    """
    middle = (open_ + high + low + close) / 4.0
    begin, end = recursive(((open_ + close) / 2.0, middle), lambda begin, end: ((begin + end) / 2.0, middle))
    return HeikinAshi(begin, maximum(high, maximum(begin, end)), minimum(low, minimum(begin, end)), end)
