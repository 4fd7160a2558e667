"""The candle store: STORE/VENUE/SYMBOL/TIMEFRAME, and candles of any timeframe that the stored ones make."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from tradepool.adapters.candle_store.errors import BrokenSeries, NoSuchSeries, NotStorable, StoreUnwritable
from tradepool.adapters.candle_store.layout import FORMAT, GRID, Grid, folder_name, read_grid
from tradepool.adapters.candle_store.quarantine import QUARANTINE
from tradepool.adapters.candle_store.reader import SeriesReader
from tradepool.adapters.candle_store.writer import SeriesWriter
from tradepool.core.market.bars import Bars
from tradepool.core.market.resample import bar_end, bar_starts, divides, resample
from tradepool.domain.candle import TIMEFRAMES_MS
from tradepool.ports.candles import Series, Stretch


class FileStore:
    """Series in the folders below one folder, which need not be there yet."""

    def __init__(self, folder: Path) -> None:
        """`folder` may begin with ~."""
        self.folder = folder.expanduser()

    def folder_of(self, series: Series) -> Path:
        """Where a series lies, or would."""
        return self.folder / series.venue / folder_name(series.symbol) / series.timeframe

    def folders(self) -> list[Path]:
        """The folders of all series, sound or not."""
        found = self.folder.glob(f"*/*/*/{GRID}")
        return sorted(path.parent for path in found if path.relative_to(self.folder).parts[0] != QUARANTINE)

    def series(self) -> list[Series]:
        """All there are, in order; one whose folder does not say what it is is left out (`check` names it)."""
        found = []
        for folder in self.folders():
            try:
                found.append(read_grid(folder))
            except BrokenSeries:
                continue
        return sorted(found)

    def reader(self, series: Series) -> SeriesReader:
        """Raises NoSuchSeries and BrokenSeries."""
        folder = self.folder_of(series)
        if not (folder / GRID).is_file():
            raise NoSuchSeries(series=series, folder=self.folder)
        return SeriesReader(folder)

    def writer(self, series: Series) -> SeriesWriter:
        """Makes the series when it is not there. Raises NotStorable, SeriesLocked, StoreUnwritable."""
        if series.timeframe not in TIMEFRAMES_MS:
            raise NotStorable(
                series=series,
                why=f"bars of {series.timeframe} are made of shorter ones when they are read",
                remedy=f"store one of {', '.join(TIMEFRAMES_MS)}",
            )
        folder = self.folder_of(series)
        if not (folder / GRID).is_file():
            self._make(folder, series)
        return SeriesWriter(folder)

    def _make(self, folder: Path, series: Series) -> None:
        """Write the grid whole or not at all; two that do it at once write the same."""
        part = folder / f"{GRID}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(msgspec.json.encode(Grid(FORMAT, str(series))))
            os.replace(part, folder / GRID)
        except OSError as error:
            raise StoreUnwritable(series=series, why=error.strerror or str(error)) from error

    def bars(self, series: Series, span: Stretch | None = None) -> Bars:
        """The candles of a series, stored or made of the longest stored ones that divide it.

        Long bars of which a short one is not known are left out, the last one before it is over included. Raises
        NoSuchSeries, BrokenSeries, BrokenBlock.
        """
        if (self.folder_of(series) / GRID).is_file():
            return self.reader(series).bars(span)
        reader = self.reader(self.source_of(series))
        extent = reader.extent()
        if extent is None:
            return Bars(series.timeframe_ms, *np.empty((6, 0)))
        span = _whole_bars(span or extent, series.timeframe)
        known_until = min(extent.end_ms, span.end_ms)
        unknown = [
            np.arange(hole.first_ms, hole.end_ms, reader.timeframe_ms, dtype=np.int64) for hole in reader.holes(span)
        ]
        return resample(
            reader.bars(span), series.timeframe, np.concatenate([np.empty(0, np.int64), *unknown]), known_until
        )

    def source_of(self, series: Series) -> Series:
        """The stored series that its bars are made of. Raises NoSuchSeries when there is none."""
        same = [each for each in self.series() if (each.venue, each.symbol) == (series.venue, series.symbol)]
        fit = [each for each in same if divides(each.timeframe_ms, series.timeframe)]
        if not fit:
            raise NoSuchSeries(series=series, folder=self.folder)
        return max(fit, key=lambda each: each.timeframe_ms)


def _whole_bars(span: Stretch, timeframe: str) -> Stretch:
    """The span of the long bars that open within `span`: the one it begins in is whole."""
    first, last = bar_starts(np.array([span.first_ms, span.end_ms - 1]), timeframe).tolist()
    return Stretch(first, bar_end(last, timeframe))


def all_of(store: FileStore, wanted: Sequence[str]) -> list[Series]:
    """The series of addresses; a timeframe may be left out (binance:BTC/USDT) and then all of them are meant, and of
    no address all series there are. Raises BadAddress, NoSuchSeries."""
    there = store.series()
    found: list[Series] = []
    for text in wanted:
        if "@" in text:
            named = [Series.parse(text)]
        else:
            named = [each for each in there if f"{each.venue}:{each.symbol}" == text]
        missing = [each for each in named if each not in there]
        if missing or not named:
            raise NoSuchSeries(series=text, folder=store.folder)
        found += named
    return found if wanted else there
