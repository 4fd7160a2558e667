"""Money flow index."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, low, volume, where
from tradepool.core.graph.primitives import delta, rolling_sum
from tradepool.core.indicators.page import LENGTH_FROM_2, indicator


@indicator("volume", span="0 to 100", source="Quong and Soudack, 1989", flat=50.0, twin="MFI", length=LENGTH_FROM_2)
def mfi(*, length: int | Number = 14) -> Number:
    """Share of the money traded in bars whose typical price rose, in percent; 50 where it never moved (TA-Lib says 0).

    >>> mfi().lookback
    14
    """
    price = (high + low + close) / 3.0
    change, money = delta(price), price * volume
    risen = rolling_sum(where(change > 0.0, money, 0.0), length)
    moved = risen + rolling_sum(where(change < 0.0, money, 0.0), length)
    return where(moved > 0.0, 100.0 * (risen / moved), 50.0)
