"""What is wrong with bars, kind by kind: what no venue can have made, and what is only odd."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tradepool.core.market.bars import COLUMNS, PRICE_COLUMNS, Bars

# A bar whose prices are that many times those of both neighbours, which agree with each other, is a misprint.
SPIKE_FACTOR, NEIGHBOURS_FACTOR = 3.0, 1.5

Rows = NDArray[np.int64]
Marks = NDArray[np.bool_]


def impossible(bars: Bars) -> dict[str, Marks]:
    """Marks of the bars that cannot be, by kind; a bar may be of several.

    >>> bars = Bars(60_000, np.arange(3) * 60_000, *np.array([[1.0, 1, 1], [2, 2, 0.5], [1, 1, 1], [2, 1, 1], [0, -1, 0]]))
    >>> {kind: marks.tolist() for kind, marks in impossible(bars).items() if marks.any()}
    {'high below low': [False, False, True], 'high below open or close': [False, False, True], 'negative volume': [False, True, False]}
    """
    finite = np.isfinite([getattr(bars, name) for name in COLUMNS]).all(axis=0)
    lowest = np.min([getattr(bars, name) for name in PRICE_COLUMNS], axis=0)
    return {
        "not a number": ~finite,
        "price not above zero": finite & (lowest <= 0),
        "high below low": finite & (bars.high < bars.low),
        "high below open or close": finite & (bars.high < np.maximum(bars.open, bars.close)),
        "low above open or close": finite & (bars.low > np.minimum(bars.open, bars.close)),
        "negative volume": finite & (bars.volume < 0),
    }


def misplaced(bars: Bars) -> dict[str, Marks]:
    """Marks of the bars that are in a wrong place, by kind.

    >>> bars = Bars(60_000, np.array([0, 60_000, 60_000, 0, 90_000]), *np.ones((5, 5)))
    >>> {kind: np.flatnonzero(marks).tolist() for kind, marks in misplaced(bars).items()}
    {'off the grid': [4], 'out of order': [3], 'duplicate': [2, 3]}
    """
    seen = np.zeros(len(bars), bool)
    order = np.argsort(bars.open_time, kind="stable")
    seen[order[1:]] = np.diff(bars.open_time[order]) == 0
    later_by = np.diff(bars.open_time, prepend=bars.open_time[:1])
    return {"off the grid": bars.open_time % bars.timeframe_ms != 0, "out of order": later_by < 0, "duplicate": seen}


def odd(bars: Bars) -> dict[str, Marks]:
    """Marks of the bars that are possible and hard to believe, by kind: for people to look at.

    >>> close = np.array([10.0, 10, 100, 10, 10])
    >>> bars = Bars(60_000, np.arange(5) * 60_000, close, close, close, close, np.zeros(5))
    >>> {kind: np.flatnonzero(marks).tolist() for kind, marks in odd(bars).items()}
    {'jump and back': [2], 'moved without volume': []}
    """
    jumped = np.zeros(len(bars), bool)
    if len(bars) > 2:
        before, after = bars.close[:-2], bars.open[2:]
        with np.errstate(all="ignore"):
            agree = np.maximum(before, after) <= NEIGHBOURS_FACTOR * np.minimum(before, after)
            above = bars.high[1:-1] > SPIKE_FACTOR * np.maximum(before, after)
            below = bars.low[1:-1] * SPIKE_FACTOR < np.minimum(before, after)
        jumped[1:-1] = agree & (above | below)
    return {"jump and back": jumped, "moved without volume": (bars.volume == 0) & (bars.high > bars.low)}


def any_of(kinds: Mapping[str, Marks]) -> Marks:
    """The bars that are marked at all."""
    marked: Marks = np.any(list(kinds.values()), axis=0)
    return marked
