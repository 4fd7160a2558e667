"""Variance ratio."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Number, as_number, close, log, square_root
from tradepool.core.graph.primitives import lag, variance
from tradepool.core.indicators.page import LENGTH_FROM_2, NOTHING, indicator


class VarianceRatio(NamedTuple):
    """The ratio, and how many standard errors it is from that of a random walk."""

    ratio: Number
    z: Number


@indicator(
    "statistics",
    span=("0 and up, about 1", "any, mostly -2 to 2"),
    source="Lo and MacKinlay, 1988",
    flat=NOTHING,
    length=LENGTH_FROM_2,
    bars=LENGTH_FROM_2,
)
def variance_ratio(source: Number = close, *, length: int | Number = 100, bars: int | Number = 4) -> VarianceRatio:
    """Variance of returns over several bars over that many times the variance of one bar's: 1 of a random walk.

    Overlapping returns, errors of equal size supposed. No value where it did not move.

    >>> variance_ratio().ratio.lookback
    103
    """
    q = 1.0 * as_number(bars, "variance_ratio")
    single, several = (variance(log(source / lag(source, span)), length) for span in (1, bars))
    ratio = several / (q * single)
    error = square_root(2.0 * (2.0 * q - 1.0) * (q - 1.0) / (3.0 * q * as_number(length, "variance_ratio")))
    return VarianceRatio(ratio, (ratio - 1.0) / error)
