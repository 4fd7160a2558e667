"""Negative volume index."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, close, volume, where
from tradepool.core.graph.primitives import lag
from tradepool.core.graph.recursion import recursive
from tradepool.core.indicators.page import indicator


@indicator("volume", span="0 and up", source="Dysart, 1936", flat=1000.0)
def negative_volume_index() -> Number:
    """From 1000 on, moves by the close's change at bars whose volume fell.

    >>> negative_volume_index().lookback, negative_volume_index().warm_up
    (1, None)
    """
    moves, ratio = volume < lag(volume), close / lag(close)
    return recursive((where(moves, 1000.0 * ratio, 1000.0),), lambda index: (where(moves, index * ratio, index),))[0]
