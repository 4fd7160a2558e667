"""Hurst exponent."""

from __future__ import annotations

import math
from typing import NamedTuple

from tradepool.core.graph.expr import Number, close, constant, log, square_root
from tradepool.core.graph.primitives import lag, sma
from tradepool.core.indicators.page import LENGTH_FROM_2, NOTHING, indicator


class Hurst(NamedTuple):
    """The exponent, and the band in which it lies with 95 % confidence as far as the fit tells."""

    value: Number
    low: Number
    high: Number


_SPANS = (1, 2, 4, 8, 16)
# Student's t for the three degrees of freedom that a line through five points leaves, two-sided 95 %.
_QUANTILE = 3.182446305284263


@indicator(
    "statistics",
    span="about 0 to 1",
    source="Hurst, 1951; from the moments of returns: Di Matteo, 2007",
    flat=NOTHING,
    length=LENGTH_FROM_2,
)
def hurst(source: Number = close, *, length: int | Number = 200) -> Hurst:
    """How the size of returns grows with their span: 0.5 of a random walk, above in trends, below where it comes back.

    Slope of the logarithm of the root mean square return over 1, 2, 4, 8 and 16 bars; no value where it did not move.

    >>> hurst().value.lookback
    215
    """
    returns = [log(source / lag(source, span)) for span in _SPANS]
    sizes = [0.5 * log(sma(moved * moved, length)) for moved in returns]
    places = [place - 2.0 for place in range(5)]
    mean = (sizes[0] + sizes[1] + sizes[2] + sizes[3] + sizes[4]) / 5.0
    slope = (2.0 * (sizes[4] - sizes[0]) + (sizes[3] - sizes[1])) / 10.0
    errors = [size - mean - place * slope for place, size in zip(places, sizes, strict=True)]
    squares = constant(0.0)
    for error in errors:
        squares = squares + error * error
    value, band = slope / math.log(2.0), square_root(squares / 30.0) * (_QUANTILE / math.log(2.0))
    return Hurst(value, value - band, value + band)
