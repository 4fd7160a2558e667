"""Divergence of an oscillator from the price."""

from __future__ import annotations

from typing import NamedTuple

from tradepool.core.graph.expr import Boolean, Number, as_number, constant, high, low, where
from tradepool.core.graph.primitives import lag
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import LENGTH, indicator
from tradepool.core.indicators.pivots import is_peak
from tradepool.core.indicators.relative_strength_index import rsi


class Divergence(NamedTuple):
    """What has been confirmed at this bar."""

    bullish: Boolean
    bearish: Boolean
    hidden_bullish: Boolean
    hidden_bearish: Boolean


STRENGTH = rsi()


def _from_last(found: Boolean, price: Number, value: Number, within: int | Number) -> tuple[Boolean, Boolean]:
    """Whether a pivot is beyond the one before in price but not in value, and the other way round."""

    def follow(
        known: Number, price_before: Number, value_before: Number, age: Number, regular: Number, hidden: Number
    ) -> tuple[Number, ...]:
        pair = found & (known > 0.0) & (age <= as_number(within, "within"))
        return (
            where(found, 1.0, known),
            where(found, price, price_before),
            where(found, value, value_before),
            where(found, 1.0, age + 1.0),
            where(pair & (price < price_before) & (value > value_before), 1.0, 0.0),
            where(pair & (price > price_before) & (value < value_before), 1.0, 0.0),
        )

    start = (where(found, 1.0, 0.0), price, value, constant(1.0), constant(0.0), constant(0.0))
    regular, hidden = recursive(start, follow)[4:]
    return regular > 0.0, hidden > 0.0


@indicator(
    "structure",
    span="true or false",
    source="Wilder, 1978; hidden ones: Cardwell, 1995",
    flat=0.0,
    left=LENGTH,
    right=LENGTH,
    within=LENGTH,
)
def divergence(
    oscillator: Number = STRENGTH, *, left: int | Number = 5, right: int | Number = 5, within: int | Number = 60
) -> Divergence:
    """Two pivots of the price, at most `within` bars apart, between which price and oscillator went opposite ways.

    Bullish: a lower low with a higher value of the oscillator at it; hidden, a higher low with a lower value; bearish
    the same at highs. True only at the bar that confirms the second pivot, `right` bars after it.

    >>> divergence().bullish.lookback
    19
    """
    value = lag(oscillator, right)
    bottom, top = is_peak(-low, left, right), is_peak(high, left, right)
    bullish, hidden_bullish = _from_last(bottom, lag(low, right), value, within)
    bearish, hidden_bearish = _from_last(top, -lag(high, right), -value, within)
    return Divergence(bullish, bearish, hidden_bullish, hidden_bearish)
