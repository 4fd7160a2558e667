"""Linear regression."""

from __future__ import annotations

from math import pi
from typing import NamedTuple

from tradepool.core.graph.expr import Number, close, constant, square_root
from tradepool.core.graph.primitives import regression
from tradepool.core.indicators.least_squares_moving_average import lsma
from tradepool.core.indicators.page import LENGTH_FROM_2, NOTHING, SAME, indicator


class LinearRegression(NamedTuple):
    """The least-squares line: its value now, rise a bar, that as an angle in degrees, and the share it explains."""

    value: Number
    slope: Number
    angle: Number
    r2: Number


def _degrees(slope: Number) -> Number:
    """The angle of a slope: halved three times, then the series of the arc tangent, whose error is below 1e-16."""
    for _ in range(3):
        slope = slope / (1.0 + square_root(1.0 + slope * slope))
    square, total = slope * slope, constant(0.0)
    for power in range(21, -1, -2):
        total = (1.0 if power % 4 == 1 else -1.0) / power + square * total
    return slope * total * (8.0 * 180.0 / pi)


@indicator(
    "trend",
    span=("about that of the source", "any, about 0", "-90 to 90", "0 to 1"),
    source="Legendre, 1805",
    flat=(SAME, 0.0, 0.0, NOTHING),
    twin="LINEARREG LINEARREG_SLOPE",
    length=LENGTH_FROM_2,
)
def linear_regression(source: Number = close, *, length: int | Number = 14) -> LinearRegression:
    """The least-squares line through the last `length` values; r2 has no value where they are all the same.

    The angle is that of a chart in which a bar is as wide as a unit of the source is high.

    >>> linear_regression().slope.lookback
    13
    """
    line = regression(source, length)
    return LinearRegression(lsma(source, length=length), line.slope, _degrees(line.slope), line.r2)
