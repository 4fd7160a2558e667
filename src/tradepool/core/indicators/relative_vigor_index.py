"""Relative vigor index."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, close, high, low, open_, where
from tradepool.core.graph.primitives import lag, rolling_sum
from tradepool.core.indicators.page import LENGTH, indicator


class RelativeVigor(NamedTuple):
    """The index and its smoothed form."""

    line: Number
    signal: Number


def _four(source: Number) -> Number:
    """Mean of four bars, weighted 1, 2, 2, 1."""
    return (source + 2.0 * lag(source) + 2.0 * lag(source, 2) + lag(source, 3)) / 6.0


@indicator("momentum", span="-1 to 1", source="Ehlers, 2002", flat=0.0, length=LENGTH)
def relative_vigor(*, length: int | Number = 10) -> RelativeVigor:
    """How far bars close above their open, as a share of their ranges, both smoothed; and that smoothed once more.

    >>> relative_vigor().line.lookback
    12
    """
    reach = rolling_sum(_four(high - low), length)
    line = where(reach > 0.0, rolling_sum(_four(close - open_), length) / reach, 0.0)
    return RelativeVigor(line, _four(line))
