"""The last bars of a market, kept while they come one by one."""

from __future__ import annotations

import numpy as np

from tradepool.core.market.bars import COLUMNS, Bars


class KeptBars:
    """At least one and at most `most` bars, the newest last; an older or the same one again is passed over.

    >>> kept = KeptBars(60_000, most=2)
    >>> for minute in (0, 1, 1, 3, 4):
    ...     kept.take(minute * 60_000, (1.0, 2.0, 0.5, float(minute), 9.0))
    >>> kept.bars().close.tolist()
    [3.0, 4.0]
    """

    def __init__(self, timeframe_ms: int, most: int) -> None:
        """Start with none. Twice the room is taken, so that bars move up only once in `most`."""
        self._timeframe_ms, self._most, self._count = timeframe_ms, most, 0
        self._times = np.zeros(2 * most, np.int64)
        self._prices = np.zeros((len(COLUMNS), 2 * most))

    def take(self, open_time_ms: int, prices: tuple[float, float, float, float, float]) -> None:
        """Keep one more: open, high, low, close and volume."""
        if self._count and open_time_ms <= self._times[self._count - 1]:
            return
        if self._count == 2 * self._most:
            self._times[: self._most] = self._times[self._most :]
            self._prices[:, : self._most] = self._prices[:, self._most :]
            self._count = self._most
        self._times[self._count] = open_time_ms
        self._prices[:, self._count] = prices
        self._count += 1

    def bars(self) -> Bars:
        """Them, as views: good until the next is taken."""
        kept = slice(max(0, self._count - self._most), self._count)
        return Bars(self._timeframe_ms, self._times[kept], *self._prices[:, kept])
