"""Candles written out: Parquet by month, CSV, freqtrade's feather; each file whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import polars as pl

from tradepool.adapters.candle_files.errors import CandleFileUnwritable
from tradepool.adapters.candle_files.found_name import exported_name, freqtrade_name
from tradepool.adapters.candle_files.write import replace_file
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.core.market.resample import bar_starts
from tradepool.ports.candles import Series, Stretch

FORMATS = ("parquet", "csv", "freqtrade")
NEVER_MADE = "never_made.json"


def export(folder: Path, series: Series, bars: Bars, never_made: Sequence[Stretch], kind: str) -> list[Path]:
    """Write the candles of a series below `folder` as one of FORMATS; the files. Raises CandleFileUnwritable.

    Parquet: NAME/YYYY-MM.parquet, and NAME/never_made.json with what the venue is known not to have made, so that an
    import gives back the same series. CSV: NAME.csv. freqtrade: its own names, to be put into user_data/data/VENUE.
    """
    match kind:
        case "parquet":
            return list(_by_month(folder / exported_name(series), bars, never_made))
        case "csv":
            file = folder / f"{exported_name(series)}.csv"
            return [_written(file, _frame(bars).write_csv().encode())]
    file = folder / f"{freqtrade_name(series)}.feather"
    frame = _frame(bars).rename({"timestamp": "date"})
    dated = frame.with_columns(pl.from_epoch("date", time_unit="ms").dt.replace_time_zone("UTC"))
    packed = io.BytesIO()
    dated.write_ipc(packed, compression="lz4")
    return [_written(file, packed.getvalue())]


def _by_month(folder: Path, bars: Bars, never_made: Sequence[Stretch]) -> Iterator[Path]:
    months = bar_starts(bars.open_time, "1M")
    edges = [*np.flatnonzero(np.diff(months, prepend=-1)).tolist(), len(bars)]
    for first, end in pairwise(edges):
        packed = io.BytesIO()
        _frame(bars.slice(first, end)).write_parquet(packed, compression="zstd")
        month = str(np.datetime64(int(months[first]), "ms").astype("datetime64[M]"))
        yield _written(folder / f"{month}.parquet", packed.getvalue())
    if never_made:
        yield _written(folder / NEVER_MADE, orjson.dumps([[each.first_ms, each.end_ms] for each in never_made]))


def read_never_made(folder: Path) -> list[Stretch]:
    """What an export by month says was never made; nothing where it says nothing, or nothing that makes sense."""
    try:
        return [Stretch(int(first), int(end)) for first, end in orjson.loads((folder / NEVER_MADE).read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def _frame(bars: Bars) -> pl.DataFrame:
    return pl.DataFrame({"timestamp": bars.open_time, **{name: getattr(bars, name) for name in COLUMNS}})


def _written(file: Path, content: bytes) -> Path:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, memoryview(content))
    except OSError as error:
        raise CandleFileUnwritable(file=file, why=error.strerror or str(error)) from error
    return file
