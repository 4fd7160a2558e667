"""Connors relative strength index."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, constant, maximum, minimum, where
from tradepool.core.graph.primitives import delta, lag, rank
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import LENGTH, indicator
from tradepool.core.indicators.relative_strength_index import rsi


@indicator(
    "momentum",
    span="0 to 100",
    source="Connors and Alvarez, 2012",
    flat=50.0,
    length=LENGTH,
    streak=LENGTH,
    rank_length=LENGTH,
)
def connors_rsi(
    source: Number = close, *, length: int | Number = 3, streak: int | Number = 2, rank_length: int | Number = 100
) -> Number:
    """Mean of three: a short RSI, the RSI of how many bars it has gone one way, the rank of the last change in percent.

    Equal changes count half in the rank.

    >>> connors_rsi().lookback
    100
    """
    change = delta(source)
    rises, falls = change > 0.0, change < 0.0

    def follow(run: Number) -> tuple[Number]:
        return (where(rises, maximum(run, 0.0) + 1.0, where(falls, minimum(run, 0.0) - 1.0, 0.0)),)

    (run,) = recursive(follow(constant(0.0)), follow)
    ranked = 100.0 * rank(source / lag(source) - 1.0, rank_length)
    return (rsi(source, length=length) + rsi(run, length=streak) + ranked) / 3.0
