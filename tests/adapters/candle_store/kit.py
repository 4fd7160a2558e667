"""Small series for the tests beside this file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tradepool.adapters.candle_store.store import FileStore
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.ports.candles import Series

MINUTE = 60_000
START = 1_700_000_040_000
SERIES = Series.parse("binance:BTC/USDT@1m")

Values = tuple[float, float, float, float, float]


def values(seed: int) -> Values:
    """A candle that can be."""
    price = 100.0 + seed
    return (price, price + 2, price - 1, price + 1, float(seed % 7))


def bars_of(candles: Iterable[tuple[int, Values]]) -> Bars:
    """Bars of (number of the minute from START, values), in the order given."""
    rows = list(candles)
    times = np.array([START + number * MINUTE for number, _ in rows], np.int64)
    return Bars(MINUTE, times, *np.array([each for _, each in rows]).reshape(-1, 5).T)


def run_of(first: int, count: int) -> Bars:
    """Candles one beside the other."""
    return bars_of((number, values(number)) for number in range(first, first + count))


def held(bars: Bars) -> dict[int, Values]:
    """Bars as a dictionary, to be compared with a model."""
    columns = zip(*(getattr(bars, name).tolist() for name in COLUMNS), strict=True)
    return dict(zip(((bars.open_time - START) // MINUTE).tolist(), columns, strict=True))


def stored(folder: Path, *pieces: Bars, series: Series = SERIES) -> FileStore:
    """A store with these candles."""
    store = FileStore(folder)
    with store.writer(series) as writer:
        for piece in pieces:
            writer.append(piece, 0)
    return store


def model_holes(model: Iterable[int], never: Iterable[int], lost: Iterable[int]) -> set[int]:
    """Numbers between the first and the last something is known of that are not there."""
    known = set(model) | set(never)
    every = known | set(lost)
    return set(range(min(every), max(every) + 1)) - known
