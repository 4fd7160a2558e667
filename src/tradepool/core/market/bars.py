"""Closed bars of one market in bulk: what every runner steps over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradepool.domain.errors import InvalidInput

PRICE_COLUMNS = ("open", "high", "low", "close")
COLUMNS = (*PRICE_COLUMNS, "volume")


class BrokenBars(InvalidInput):
    """Bars are not usable: {why}; give one array for each of open_time and {columns}, all of the same length."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Bars:
    """Columns of equal length n, oldest first; a bar the venue never made is not there.

    `open_time` is int64 (ms UTC, when the bar opened), prices and `volume` (base asset) are float64; all are
    C-contiguous, so that a compiled step reads them in place. Anything else is converted once, on the way in.

    >>> bars = Bars(60_000, np.array([0, 60_000, 120_000]), *(np.array([1.0, 2.0, 3.0]) for _ in COLUMNS))
    >>> len(bars), bars.slice(1, 3).open_time.tolist(), bars.close_time(2)
    (3, [60000, 120000], 180000)
    """

    timeframe_ms: int
    open_time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Bring every column to its type and layout; BrokenBars when they are not columns of one length."""
        object.__setattr__(self, "open_time", np.ascontiguousarray(self.open_time, dtype=np.int64))
        for name in COLUMNS:
            column = np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            if column.shape != self.open_time.shape or column.ndim != 1:
                why = f"{name} has shape {column.shape} beside {self.open_time.shape} times"
                raise BrokenBars(why=why, columns=", ".join(COLUMNS))
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        """How many bars."""
        return len(self.open_time)

    def slice(self, start: int, stop: int) -> Bars:
        """Bars `start` to `stop - 1`, as views: nothing is copied."""
        return Bars(
            self.timeframe_ms,
            self.open_time[start:stop],
            self.open[start:stop],
            self.high[start:stop],
            self.low[start:stop],
            self.close[start:stop],
            self.volume[start:stop],
        )

    def close_time(self, index: int) -> int:
        """When bar `index` closed, in ms UTC."""
        return int(self.open_time[index]) + self.timeframe_ms
