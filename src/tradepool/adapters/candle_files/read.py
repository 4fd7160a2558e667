"""Open a candle file: read, check every bar, find its market, round its prices to the tick."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradepool.adapters.candle_files import errors
from tradepool.adapters.candle_files.market import check_market, market_of, read_market_file, rounded_to_tick
from tradepool.adapters.candle_files.name import SeriesName, series_name
from tradepool.core.market.bars import COLUMNS, PRICE_COLUMNS, Bars
from tradepool.domain.candle import timeframe_name
from tradepool.domain.market import Market

MS_PER_S = 1000
YEAR_2100_MS = 4_102_444_800_000


def open_candles(file: Path, market_file: Path | None = None) -> tuple[Market, Bars]:
    """The market of a candle file and its bars, checked and with prices on the market's tick.

    Errors: a BadCandleFile that says what is wrong and in which row, a BadMarketFile for `market_file`.
    """
    name = series_name(file)
    return market_and_bars(name, _bars(file, name.timeframe_ms, _frame(file)), file, market_file)


def market_and_bars(name: SeriesName, bars: Bars, file: Path, market_file: Path | None = None) -> tuple[Market, Bars]:
    """What `open_candles` gives, of bars that were read from elsewhere; `file` is their name in errors."""
    chosen = None if market_file is None else read_market_file(market_file)
    check(file, bars)
    market = market_of(name, bars, chosen)
    check_market(market, bars, file, market_file)
    return market, rounded_to_tick(bars, market.price_tick, file)


def _frame(file: Path) -> pl.DataFrame:
    if not file.is_file():
        raise errors.CandleFileMissing(file=file)
    try:
        # Read here and not by the library: it maps the file, and a file cut short under a map ends the process.
        frame = pl.read_parquet(file.read_bytes())
    except OSError as error:
        raise errors.CandleFileUnreadable(file=file, why=error.strerror or str(error)) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise errors.CandleFileUnreadable(file=file, why=_first_line(error)) from error
    missing = [name for name in ("timestamp", *COLUMNS) if name not in frame.columns]
    if missing:
        raise errors.WrongColumns(file=file, why=f"no column {', '.join(missing)}")
    if not frame.schema["timestamp"].is_integer():
        raise errors.WrongColumns(file=file, why=f"timestamp of type {frame.schema['timestamp']}")
    for name in COLUMNS:
        if not frame.schema[name].is_numeric():
            raise errors.WrongColumns(file=file, why=f"{name} of type {frame.schema[name]}")
    if frame["timestamp"].null_count():
        raise errors.WrongColumns(file=file, why="a timestamp that is empty")
    return frame


def _bars(file: Path, timeframe_ms: int, frame: pl.DataFrame) -> Bars:
    try:
        times = frame["timestamp"].cast(pl.Int64).to_numpy()
    except pl.exceptions.PolarsError as error:
        raise errors.WrongColumns(file=file, why="timestamps beyond 64 bits") from error
    return Bars(timeframe_ms, times, *(frame[name].cast(pl.Float64).to_numpy() for name in COLUMNS))


def check(file: Path, bars: Bars) -> None:
    """Refuse bars that no venue could have made; the error names the first bad row (rows count from 0)."""
    if not len(bars):
        raise errors.NoBars(file=file)
    _check_times(file, bars)
    for name in COLUMNS:
        _refuse_first(file, bars, ~np.isfinite(getattr(bars, name)), errors.NotANumber, column=name)
    for name in PRICE_COLUMNS:
        column = getattr(bars, name)
        _refuse_first(file, bars, column <= 0, errors.PriceNotPositive, column=name, values=column)
    for why, broken in (
        ("high is below its low", bars.high < bars.low),
        ("high is below its open or close", bars.high < np.maximum(bars.open, bars.close)),
        ("low is above its open or close", bars.low > np.minimum(bars.open, bars.close)),
    ):
        _refuse_first(file, bars, broken, errors.BrokenRange, why=why)
    _refuse_first(file, bars, bars.volume < 0, errors.NegativeVolume, values=bars.volume)


def _check_times(file: Path, bars: Bars) -> None:
    outside = (bars.open_time < 0) | (bars.open_time >= YEAR_2100_MS)
    row = int(np.argmax(outside))
    if outside[row]:
        raise errors.TimeOutOfRange(file=file, row=row, value=int(bars.open_time[row]))
    later_by = np.diff(bars.open_time, prepend=bars.open_time[:1] - bars.timeframe_ms)
    _refuse_first(file, bars, later_by < 0, errors.UnsortedBars)
    _refuse_first(file, bars, later_by == 0, errors.DuplicateBars)
    timeframe = timeframe_name(bars.timeframe_ms)
    _refuse_first(file, bars, bars.open_time % bars.timeframe_ms != 0, errors.OffTimeframe, timeframe=timeframe)


def _refuse_first(
    file: Path,
    bars: Bars,
    bad: NDArray[np.bool_],
    error: type[errors.BadCandleFile],
    values: NDArray[np.float64] | None = None,
    **facts: str,
) -> None:
    row = int(np.argmax(bad))
    if bad[row]:
        value = "" if values is None else float(values[row])
        raise error(file=file, row=row, time=_iso(int(bars.open_time[row])), value=value, **facts)


def _iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / MS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
