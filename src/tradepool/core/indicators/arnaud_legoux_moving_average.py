"""Arnaud Legoux moving average."""

from __future__ import annotations

from math import exp

from tradepool.core.graph.expr import Number, close, constant
from tradepool.core.graph.primitives import lag
from tradepool.core.indicators.page import SAME, indicator


@indicator(
    "averages",
    span="that of the source",
    source="Legoux and Kouzis-Loukas, 2009",
    flat=SAME,
    length=(1, 200),
    offset=(0.0, 1.0),
    sigma=(0.1, 100.0),
)
def alma(source: Number = close, *, length: int = 9, offset: float = 0.85, sigma: float = 6.0) -> Number:
    """Mean weighted by a bell that stands at `offset` of the window (1 is the newest), `length / sigma` wide.

    >>> alma().lookback
    8
    """
    middle, width = offset * (length - 1), length / sigma
    weights = [exp(-((place - middle) ** 2) / (2.0 * width * width)) for place in range(length)]
    total = constant(0.0)
    for place, weight in enumerate(weights):
        ago = length - 1 - place
        total = total + (lag(source, ago) if ago else source) * (weight / sum(weights))
    return total
