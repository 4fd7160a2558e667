"""Bars of a longer timeframe made of shorter ones: days and hours on the clock, weeks from Monday, months by calendar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradepool.core.market.bars import Bars
from tradepool.domain.candle import TIMEFRAMES_MS
from tradepool.domain.errors import InvalidInput

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
# 1970-01-05, the first Monday.
MONDAY_MS = 4 * DAY_MS
# A month has no one length; a nominal one tells that it is longer than a week and orders the names.
MONTH_MS = 30 * DAY_MS
LENGTHS_MS = {**TIMEFRAMES_MS, "1w": WEEK_MS, "1M": MONTH_MS}

Times = NDArray[np.int64]


class NotDerivable(InvalidInput):
    """Bars of {wanted} cannot be made of bars of {given}; the shorter must divide the longer."""


def bar_starts(times: Times, timeframe: str) -> Times:
    """When the bar of `timeframe` that holds each time opens (ms UTC).

    >>> moment = np.array([1_709_210_096_000])  # Thursday 2024-02-29 12:34:56
    >>> [str(bar_starts(moment, name).astype("datetime64[ms]")[0])[:16] for name in ("4h", "1w", "1M")]
    ['2024-02-29T12:00', '2024-02-26T00:00', '2024-02-01T00:00']
    """
    if timeframe == "1M":
        months = times.astype("datetime64[ms]").astype("datetime64[M]")
        return months.astype("datetime64[ms]").astype(np.int64)
    length_ms = LENGTHS_MS[timeframe]
    origin = MONDAY_MS if timeframe == "1w" else 0
    return (times - origin) // length_ms * length_ms + origin


def bar_end(start_ms: int, timeframe: str) -> int:
    """When the bar that opens at `start_ms` closes.

    >>> (bar_end(1_706_745_600_000, "1M") - 1_706_745_600_000) // DAY_MS  # February 2024
    29
    """
    if timeframe != "1M":
        return start_ms + LENGTHS_MS[timeframe]
    return int(bar_starts(np.array([start_ms + 31 * DAY_MS]), "1M")[0])


def divides(shorter_ms: int, timeframe: str) -> bool:
    """Whether whole bars of `shorter_ms` make one of `timeframe`."""
    whole_ms = DAY_MS if timeframe in ("1w", "1M") else LENGTHS_MS[timeframe]
    return shorter_ms <= whole_ms and whole_ms % shorter_ms == 0


def resample(bars: Bars, timeframe: str, unknown: Times, until_ms: int) -> Bars:
    """Bars of `timeframe` out of shorter ones: first open, highest high, lowest low, last close, sum of volumes.

    `unknown` are open times of short bars that may exist and are not here: the long bars they belong to are left out,
    since they would be wrong. So is one that closes after `until_ms`, up to which the short ones are known. A short
    bar that the venue never made is just not there. Volumes are sums of floats. NotDerivable.

    >>> minutes = Bars(60_000, np.arange(7) * 60_000, *np.arange(1.0, 36.0).reshape(5, 7))
    >>> made = resample(minutes, "3m", np.array([], np.int64), 7 * 60_000)
    >>> made.open_time.tolist(), made.open.tolist(), made.close.tolist(), made.volume.tolist()
    ([0, 180000], [1.0, 4.0], [24.0, 27.0], [90.0, 99.0])
    """
    if not divides(bars.timeframe_ms, timeframe):
        given = {length: name for name, length in LENGTHS_MS.items()}
        raise NotDerivable(wanted=timeframe, given=given.get(bars.timeframe_ms, f"{bars.timeframe_ms} ms"))
    starts = bar_starts(bars.open_time, timeframe)
    first = np.flatnonzero(np.diff(starts, prepend=-1))
    if not len(first):
        return Bars(LENGTHS_MS[timeframe], *np.empty((6, 0)))
    last = np.append(first[1:], len(starts)) - 1
    made = starts[first]
    whole = ~np.isin(made, bar_starts(unknown, timeframe))
    whole[-1] &= bar_end(int(made[-1]), timeframe) <= until_ms
    return Bars(
        LENGTHS_MS[timeframe],
        made[whole],
        bars.open[first][whole],
        np.maximum.reduceat(bars.high, first)[whole],
        np.minimum.reduceat(bars.low, first)[whole],
        bars.close[last][whole],
        np.add.reduceat(bars.volume, first)[whole],
    )
