"""Stochastic relative strength index."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close
from tradepool.core.graph.primitives import highest, lowest, sma
from tradepool.core.indicators.page import LENGTH, indicator
from tradepool.core.indicators.relative_strength_index import rsi
from tradepool.core.indicators.stochastic_oscillator import Stochastic, position


@indicator(
    "momentum",
    span="0 to 100",
    source="Chande and Kroll, 1994",
    flat=50.0,
    twin="STOCHRSI",
    rsi_length=LENGTH,
    length=LENGTH,
    signal=LENGTH,
)
def stochastic_rsi(
    source: Number = close, *, rsi_length: int | Number = 14, length: int | Number = 14, signal: int | Number = 3
) -> Stochastic:
    """Where the relative strength index lies between its own lowest and highest, and the average of that.

    >>> stochastic_rsi().d.lookback
    29
    """
    strength = rsi(source, length=rsi_length)
    k = position(strength, highest(strength, length), lowest(strength, length))
    return Stochastic(k, sma(k, signal))
