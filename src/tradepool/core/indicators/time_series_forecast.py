"""Time series forecast."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import sma, wma
from tradepool.core.indicators.page import LENGTH_FROM_2, SAME, indicator


@indicator(
    "trend", span="about that of the source", source="Achelis, 1995", flat=SAME, twin="TSF", length=LENGTH_FROM_2
)
def time_series_forecast(source: Number = close, *, length: int | Number = 14) -> Number:
    """Where the least-squares line through the last `length` values will stand at the next bar.

    >>> time_series_forecast().lookback
    13
    """
    # The line's middle is the mean, and its rise follows from the weighted mean.
    ahead = 3.0 * (length + 1.0) * (1.0 / (length - 1.0))
    return sma(source, length) + ahead * (wma(source, length) - sma(source, length))
