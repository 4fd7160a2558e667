"""Z-score of the volume."""

from __future__ import annotations

from tradepool.core.graph.expr import Number, volume
from tradepool.core.indicators.page import LENGTH_FROM_2, indicator
from tradepool.core.indicators.z_score import z_score


@indicator("volume", span="any, mostly -3 to 3", source="Pearson, 1894", flat=0.0, length=LENGTH_FROM_2)
def volume_z_score(*, length: int | Number = 20) -> Number:
    """How many standard deviations the volume is above its mean.

    >>> volume_z_score().lookback
    19
    """
    return z_score(volume, length=length)
