"""Average true range."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, high, low, maximum, minimum
from tradepool.core.graph.primitives import lag, wilder


def true_range() -> Number:
    """How far the price moved in a bar, the gap from the last close included; in units of price (Wilder, 1978).

    >>> true_range().lookback
    1
    """
    return maximum(high, lag(close)) - minimum(low, lag(close))


def atr(*, length: int | Number = 14) -> Number:
    """Wilder's average of the true range, in units of price (Wilder, 1978).

    Constant bars in, their constant range out. Equal to TA-Lib's ATR.

    >>> atr(length=14).lookback
    14
    """
    return wilder(true_range(), length)
