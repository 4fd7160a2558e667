"""Pivots: highs and lows that stand out among their neighbours."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Boolean, Number, high, low
from tradepool.core.graph.lengths import scaled
from tradepool.core.graph.primitives import highest, lag
from tradepool.core.graph.recursion import value_when
from tradepool.core.indicators.page import LENGTH, NOTHING, indicator


class Pivots(NamedTuple):
    """Last confirmed pivot high and low, and whether one has been confirmed at this bar."""

    high: Number
    low: Number
    high_found: Boolean
    low_found: Boolean


def is_peak(source: Number, left: int | Number, right: int | Number) -> Boolean:
    """Whether the value `right` bars ago is above all since and not below the `left` before it; known only now."""
    peak = lag(source, right)
    return (peak > highest(source, right)) & (peak >= lag(highest(source, left), scaled(right, add=1)))


@indicator(
    "structure",
    span=("that of the price", "that of the price", "true or false", "true or false"),
    source="Wilder, 1978",
    flat=(NOTHING, NOTHING, 0.0, 0.0),
    left=LENGTH,
    right=LENGTH,
)
def pivots(*, left: int | Number = 5, right: int | Number = 5) -> Pivots:
    """The last high above `right` bars after it and not below `left` before it, and the last such low.

    A pivot is confirmed, and first said, `right` bars after its bar; no value before the first one.

    >>> pivots().high_found.lookback
    10
    """
    top, bottom = is_peak(high, left, right), is_peak(-low, left, right)
    return Pivots(value_when(top, lag(high, right)), value_when(bottom, lag(low, right)), top, bottom)
