"""Least squares moving average."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import sma, wma
from tradepool.core.indicators.page import LENGTH_FROM_2, SAME, indicator


@indicator(
    "averages",
    span="about that of the source",
    source="Legendre, 1805",
    flat=SAME,
    twin="LINEARREG",
    length=LENGTH_FROM_2,
)
def lsma(source: Number = close, *, length: int | Number = 14) -> Number:
    """Where the least-squares line through the last `length` values stands at the newest bar.

    >>> lsma().lookback
    13
    """
    # Which is three times the weighted mean less twice the simple one.
    return 3.0 * wma(source, length) - 2.0 * sma(source, length)
