"""Windows of a series for tests: short ones around its largest move, whole ones in the long form."""

from __future__ import annotations

import numpy as np

from tradepool.core.market.bars import Bars


def around_largest_move(bars: Bars, count: int) -> Bars:
    """At most `count` bars with the largest one-bar move in the last third, so that positions stand when it comes."""
    if len(bars) <= count:
        return bars
    move = int(np.argmax(np.abs(np.diff(np.log(bars.close))))) + 1
    start = min(max(0, move - 2 * count // 3), len(bars) - count)
    return bars.slice(start, start + count)
