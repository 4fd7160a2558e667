"""Commodity channel index."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, where
from tradepool.core.graph.primitives import moment, sma
from tradepool.core.indicators.page import LENGTH_FROM_2, indicator
from tradepool.core.indicators.typical_price import typical_price


@indicator(
    "momentum", span="any, mostly -100 to 100", source="Lambert, 1980", flat=0.0, twin="CCI", length=LENGTH_FROM_2
)
def cci(*, length: int | Number = 20) -> Number:
    """How many 0.015ths of its mean deviation the typical price is above its mean; 0 where it does not deviate.

    >>> cci().lookback
    19
    """
    price = typical_price()
    deviation = moment(price, length, 1)
    # Equal prices leave only what rounding makes of them.
    return where(deviation > 1e-14 * price, (price - sma(price, length)) / (0.015 * deviation), 0.0)
