"""Tillson's T3 moving average."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import ema
from tradepool.core.indicators.page import LENGTH, SAME, indicator


@indicator(
    "averages",
    span="about that of the source",
    source="Tillson, 1998",
    flat=SAME,
    twin="T3",
    length=LENGTH,
    factor=(0.0, 1.0),
)
def tillson_t3(source: Number = close, *, length: int | Number = 5, factor: float | Number = 0.7) -> Number:
    """Six exponential averages in a row, summed so that the delay goes; `factor` 0 leaves three in a row.

    >>> tillson_t3().lookback
    24
    """
    averages = [ema(source, length)]
    for _ in range(5):
        averages.append(ema(averages[-1], length))
    square, cube = factor * factor, factor * factor * factor
    weights = (1.0 + 3.0 * factor + cube + 3.0 * square, -6.0 * square - 3.0 * factor - 3.0 * cube)
    return (
        weights[0] * averages[2]
        + weights[1] * averages[3]
        + (3.0 * square + 3.0 * cube) * averages[4]
        - cube * averages[5]
    )
