"""Permutation entropy."""

from __future__ import annotations

import math

from tradepool.core.graph.expr import Number, as_number, close, constant, log, where
from tradepool.core.graph.primitives import count, lag
from tradepool.core.indicators.page import LENGTH, indicator


@indicator("statistics", span="0 to 1", source="Bandt and Pompe, 2002", flat=0.0, length=LENGTH)
def permutation_entropy(source: Number = close, *, length: int | Number = 50) -> Number:
    """How evenly the six orders of three values in a row occur: 1 of noise, 0 where it only rises; equal ones rise.

    >>> permutation_entropy().lookback
    51
    """
    a, b = lag(source, 2), lag(source)
    orders = (
        (a <= b) & (b <= source),
        (a <= source) & (source < b),
        (source < a) & (a <= b),
        (b < a) & (a <= source),
        (b <= source) & (source < a),
        (source < b) & (b < a),
    )
    total = constant(0.0)
    for order in orders:
        share = count(order, length) / as_number(length, "permutation_entropy")
        total = total - where(share > 0.0, share * log(share), 0.0)
    return total / math.log(6.0)
