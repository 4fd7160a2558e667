"""Ultimate oscillator."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, low, minimum, where
from tradepool.core.graph.primitives import lag, rolling_sum
from tradepool.core.indicators.page import LENGTH, indicator
from tradepool.core.indicators.true_range import true_range


@indicator(
    "momentum",
    span="0 to 100",
    source="Williams, 1985",
    flat=50.0,
    twin="ULTOSC",
    short=LENGTH,
    middle=LENGTH,
    long=LENGTH,
)
def ultimate_oscillator(*, short: int | Number = 7, middle: int | Number = 14, long: int | Number = 28) -> Number:
    """Share of the true range that lies below the close, over three lengths weighted 4, 2 and 1, in percent.

    >>> ultimate_oscillator().lookback
    28
    """
    pressure, total = close - minimum(low, lag(close)), true_range()

    def share(length: int | Number) -> Number:
        reach = rolling_sum(total, length)
        return where(reach > 0.0, rolling_sum(pressure, length) / reach, 0.5)

    return 100.0 * ((4.0 * share(short) + 2.0 * share(middle) + share(long)) / 7.0)
