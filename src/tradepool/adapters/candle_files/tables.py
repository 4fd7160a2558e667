"""Candles out of files of any known format, brought to one shape: times in ms, five columns of numbers."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from tradepool.adapters.candle_files import errors
from tradepool.adapters.candle_files.found_name import kind_of
from tradepool.core.market.bar_faults import any_of, impossible, misplaced
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.core.market.resample import LENGTHS_MS
from tradepool.ports.candles import Series

TIME_NAMES = ("timestamp", "open_time", "opentime", "open time", "date", "datetime", "time", "unix", "ts")
SHORT_NAMES = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "vol": "volume"}
# What a time between 2001 and 2100 is multiplied or divided by, told by its size.
UNITS = (("s", 1e9, 1000.0), ("ms", 1e12, 1.0), ("us", 1e15, 0.001), ("ns", 1e18, 0.000001))
UNIT_SPAN = 4.2
YEAR_2100_MS = 4_102_444_800_000
ORDINARY_FEW = 3


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds: its bars in the file's order, and what was noticed on the way (`times in us`)."""

    bars: Bars
    notes: tuple[str, ...]


def read_table(file: Path, series: Series) -> Table:
    """Read a file as candles of a series. Raises a BadCandleFile that says what is wrong."""
    kind = kind_of(file)
    if not file.is_file():
        raise errors.CandleFileMissing(file=file)
    try:
        frame = _frame(file, kind)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, orjson.JSONDecodeError, ValueError) as error:
        raise errors.FileUnreadable(file=file, kind=kind, why=_first_line(error)) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise errors.FileUnreadable(file=file, kind=kind, why=_first_line(error)) from error
    frame = _with_our_names(file, frame)
    times, notes = _times(file, frame["timestamp"])
    try:
        columns = [frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in COLUMNS]
    except pl.exceptions.PolarsError as error:
        raise errors.WrongColumns(file=file, why=f"values that are no numbers ({_first_line(error)})") from error
    bars = Bars(series.timeframe_ms, times, *columns)
    _refuse_other_timeframe(file, series, bars)
    return Table(bars, notes)


def usable(file: Path, table: Table, *, drop_bad: bool) -> tuple[Bars, int, tuple[str, ...]]:
    """The bars in order, each once; how many were left out; notes. Raises BadRows, NoBars.

    The same bar twice is one bar. What cannot be is refused, or left out with `drop_bad`; of two bars of one time that
    differ the later in the file is then taken.
    """
    bars = table.bars
    if not len(bars):
        raise errors.NoBars(file=file)
    notes = list(table.notes)
    order = np.argsort(bars.open_time, kind="stable")
    if (np.diff(order) < 0).any():
        notes.append("was not in order of time")
        bars = _picked(bars, order)
    again = np.append(np.diff(bars.open_time) == 0, False)
    same = again & np.append([np.diff(getattr(bars, name)) == 0 for name in COLUMNS], [[False]] * 5, axis=1).all(axis=0)
    if same.any():
        notes.append(f"{int(same.sum()):,} bars twice")
        bars = _picked(bars, np.flatnonzero(~same))
    again = np.append(np.diff(bars.open_time) == 0, False)
    bad = impossible(bars) | {
        "off the grid": misplaced(bars)["off the grid"],
        "there twice, with different values": again,
        "outside of 1970 to 2100": (bars.open_time < 0) | (bars.open_time >= YEAR_2100_MS),
    }
    marks = any_of(bad)
    if not marks.any():
        return bars, 0, tuple(notes)
    if not drop_bad:
        at = int(marks.argmax())
        why = next(kind for kind, each in bad.items() if each[at])
        time = np.datetime_as_string(np.datetime64(int(bars.open_time[at]), "ms"), unit="s")
        raise errors.BadRows(file=file, count=f"{int(marks.sum()):,}", time=f"{time}Z", why=why)
    notes.append("left out: " + ", ".join(f"{int(each.sum()):,} {kind}" for kind, each in bad.items() if each.any()))
    return _picked(bars, np.flatnonzero(~marks)), int(marks.sum()), tuple(notes)


def _picked(bars: Bars, rows: NDArray[np.int64]) -> Bars:
    return Bars(bars.timeframe_ms, bars.open_time[rows], *(getattr(bars, name)[rows] for name in COLUMNS))


# ---- formats


def _frame(file: Path, kind: str) -> pl.DataFrame:
    content = file.read_bytes()
    if file.name.lower().endswith(".gz"):
        content = gzip.decompress(content)
    elif file.name.lower().endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            names = [name for name in packed.namelist() if name.lower().endswith(".csv")]
            if len(names) != 1:
                raise ValueError(f"it holds {len(names)} CSV files, one is wanted")
            content = packed.read(names[0])
    match kind:
        case "Parquet":
            return pl.read_parquet(content)
        case "feather":
            return pl.read_ipc(content)
        case "CSV":
            return _csv(content)
    return _json(content)


def _csv(content: bytes) -> pl.DataFrame:
    """With a header, or in the order of Binance's dumps, which have none: time, open, high, low, close, volume, ..."""
    first = content.split(b"\n", 1)[0].split(b",")[0].strip().strip(b'"').removeprefix(b"\xef\xbb\xbf")
    if not re.fullmatch(rb"[0-9.]+", first):
        return pl.read_csv(content, infer_schema_length=None)
    frame = pl.read_csv(content, has_header=False, infer_schema_length=None)
    if frame.width < 1 + len(COLUMNS):
        raise ValueError(f"it has {frame.width} columns and no header; six are wanted")
    return frame.rename(dict(zip(frame.columns[:6], ("timestamp", *COLUMNS), strict=True)))


def _json(content: bytes) -> pl.DataFrame:
    """freqtrade's: a list of [time, open, high, low, close, volume]."""
    rows = orjson.loads(content)
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) >= 6 for row in rows):
        raise ValueError("a list of [time, open, high, low, close, volume] is wanted")
    names = ("timestamp", *COLUMNS)
    return pl.DataFrame(
        {name: pl.Series(name, [row[at] for row in rows], strict=False) for at, name in enumerate(names)}
    )


def _with_our_names(file: Path, frame: pl.DataFrame) -> pl.DataFrame:
    ours: dict[str, str] = {}
    for column in frame.columns:
        name = column.strip().lower()
        name = SHORT_NAMES.get(name, name)
        if name in (*COLUMNS, *TIME_NAMES) and name not in ours.values():
            ours[column] = name
    time = next((name for name in TIME_NAMES if name in ours.values()), None)
    missing = [name for name in COLUMNS if name not in ours.values()]
    if time is None or missing:
        wanted = [*missing, *(["timestamp"] if time is None else [])]
        raise errors.WrongColumns(file=file, why=f"no column {', '.join(wanted)} (it has {', '.join(frame.columns)})")
    chosen = {name: column for column, name in ours.items()}
    return frame.select(
        pl.col(chosen[time]).alias("timestamp"), *(pl.col(chosen[name]).alias(name) for name in COLUMNS)
    )


# ---- times


def _times(file: Path, column: pl.Series) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if column.null_count():
        raise errors.WrongColumns(file=file, why="a timestamp that is empty")
    kind = column.dtype
    if kind == pl.String:
        try:
            column = column.str.strip_suffix("Z").str.strip_suffix("+00:00").str.to_datetime(time_unit="ms")
        except pl.exceptions.PolarsError as error:
            raise errors.WrongColumns(file=file, why=f"times that are none ({_first_line(error)})") from error
        return column.dt.epoch("ms").to_numpy(), ("times as text, taken as UTC",)
    if kind == pl.Date:
        column = column.cast(pl.Datetime("ms"))
    if column.dtype.is_temporal():
        return column.dt.epoch("ms").to_numpy(), ()
    if not kind.is_numeric():
        raise errors.WrongColumns(file=file, why=f"timestamp of type {kind}")
    numbers = column.cast(pl.Float64).to_numpy()
    if not len(numbers):
        return numbers.astype(np.int64), ()
    units = [name for name, least, _ in UNITS if ((numbers >= least) & (numbers < least * UNIT_SPAN)).all()]
    if not units:
        low, high = (f"{float(each):.0f}" for each in (numbers.min(), numbers.max()))
        raise errors.MixedTimes(file=file, why=f"they go from {low} to {high}")
    factor = next(factor for name, _, factor in UNITS if name == units[0])
    if factor == 1.0:
        return numbers.astype(np.int64), ()
    exact = column.cast(pl.Int64).to_numpy()
    times = exact * int(factor) if factor > 1 else exact // round(1 / factor)
    return times, (f"times in {units[0]}, made ms",)


def _refuse_other_timeframe(file: Path, series: Series, bars: Bars) -> None:
    """Most neighbours are one timeframe apart, however many holes there are; else the file holds something else."""
    apart = np.diff(np.unique(bars.open_time))
    if len(apart) < ORDINARY_FEW:
        return
    lengths, counts = np.unique(apart, return_counts=True)
    usual = int(lengths[counts.argmax()])
    if usual != series.timeframe_ms:
        names = {length: name for name, length in LENGTHS_MS.items()}
        found = names.get(usual, f"{usual:,} ms")
        raise errors.MixedTimeframes(file=file, timeframe=series.timeframe, found=found)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
