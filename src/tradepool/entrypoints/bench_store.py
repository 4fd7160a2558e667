"""The candle store beside Parquet (polars) and DuckDB: append and scan of 2,000,000 one-minute candles, in the same rounds;
and durable appends to the journal (`bench_journal`).

CPU time of warm runs. DuckDB is measured where it is installed. Parquet files of a month are rewritten to append.
"""

from __future__ import annotations

import atexit
import gc
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from tradepool.adapters.candle_store.store import FileStore
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.entrypoints import bench_journal
from tradepool.entrypoints.bench import Figure, Measure
from tradepool.entrypoints.bench_step_work import walk
from tradepool.ports.candles import Series, Stretch

BARS, PIECE, LAST, FEW = 2_000_000, 1_000, 500, 5
MINUTE_MS = 60_000
FIRST_MS = 1_577_836_800_000
SERIES = Series.parse("binance:BTC/USDT@1m")
SCAN_REACH_MS = 3.0
MISSING = "duckdb is not installed: pip install duckdb"

Job = Callable[[], object]
WORKS = (
    "append 1 candle",
    "append 1,000 candles",
    "scan 1 column of 2M rows",
    "scan 6 columns of 2M rows",
    "last 500 rows",
)


def rounds() -> Measure:
    """Fill the stores once for all rounds; each append of a round is of new candles, and of new events to the journal."""
    candles, journal = prepare(BARS), bench_journal.rounds()
    return lambda: [*candles(), *journal()]


def prepare(count: int) -> Measure:
    """`rounds` over so many candles."""
    folder = TemporaryDirectory()
    bars = _minutes(count)
    sides = {"ours": _ours(Path(folder.name), bars), "Parquet (polars)": _parquet(Path(folder.name), bars)}
    with suppress(ImportError):
        sides["DuckDB"] = _duckdb(import_module("duckdb"), Path(folder.name), bars)
        # `bench` freezes the collector; what it holds at the end DuckDB would report as leaked.
        atexit.register(gc.unfreeze)
    note = "" if "DuckDB" in sides else MISSING

    def once() -> list[Figure]:
        assert folder
        figures = []
        for at, work in enumerate(WORKS):
            unit, scale = ("us", 1e6) if "append" in work or "last" in work else ("ms", 1e3)
            taken = {name: scale * _cpu_s(jobs[at]) for name, jobs in sides.items()}
            ours = taken.pop("ours")
            reach = {"reach": SCAN_REACH_MS} if at == 2 else {}
            figures.append(Figure(f"candle store: {work}", unit, ours, peers={**taken, **reach}, note=note))
        return figures

    once()
    return once


def _minutes(count: int) -> Bars:
    """A random walk of minutes without holes."""
    bars = walk(count)
    times = FIRST_MS + np.arange(count, dtype=np.int64) * MINUTE_MS
    return Bars(MINUTE_MS, times, *(getattr(bars, name) for name in COLUMNS))


def _cpu_s(run: Job) -> float:
    taken = []
    for _ in range(FEW):
        began = time.process_time()
        run()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def _pieces(bars: Bars) -> tuple[Callable[[], Bars], Callable[[], Bars]]:
    """The next candle, and the next thousand."""
    time_ms = [bars.close_time(-1)]

    def following(size: int) -> Bars:
        times = time_ms[0] + np.arange(size, dtype=np.int64) * MINUTE_MS
        time_ms[0] += size * MINUTE_MS
        return Bars(MINUTE_MS, times, *np.full((len(COLUMNS), size), 100.0))

    return lambda: following(1), lambda: following(PIECE)


def _ours(folder: Path, bars: Bars) -> tuple[Job, ...]:
    store = FileStore(folder)
    writer = store.writer(SERIES)
    writer.append(bars, 0)
    writer.flush()
    reader = store.reader(SERIES)
    one, many = _pieces(bars)
    span = Stretch(FIRST_MS, bars.close_time(-1))
    last = Stretch(span.end_ms - LAST * MINUTE_MS, span.end_ms)

    def scan_all() -> float:
        read = reader.bars(span)
        return float(read.open_time.sum() + sum(getattr(read, name).sum() for name in COLUMNS))

    return (
        lambda: writer.append(one(), 0),
        lambda: writer.append(many(), 0),
        lambda: reader.column("close", span).sum(),
        scan_all,
        lambda: reader.bars(last),
    )


def _frame(bars: Bars) -> pl.DataFrame:
    return pl.DataFrame({"timestamp": bars.open_time, **{name: getattr(bars, name) for name in COLUMNS}})


def _parquet(folder: Path, bars: Bars) -> tuple[Job, ...]:
    """A file a month, zstd, as `data export` writes; to append is to write the last month anew."""
    place = folder / "parquet"
    place.mkdir()
    month = 43_200
    for number, first in enumerate(range(0, len(bars), month)):
        _frame(bars.slice(first, min(first + month, len(bars)))).write_parquet(
            place / f"{number:04}.parquet", compression="zstd"
        )
    newest = place / "9999.parquet"
    _frame(bars.slice(len(bars) - month // 2, len(bars))).write_parquet(newest, compression="zstd")
    one, many = _pieces(bars)
    old = f"{place}/0*.parquet"

    def append(piece: Bars) -> None:
        # Half a month is there, as on an average day.
        held = pl.read_parquet(newest).head(month // 2)
        pl.concat([held, _frame(piece)]).write_parquet(newest, compression="zstd")

    return (
        lambda: append(one()),
        lambda: append(many()),
        lambda: pl.scan_parquet(old).select(pl.col("close").sum()).collect(),
        lambda: pl.scan_parquet(old).sum().collect(),
        lambda: pl.read_parquet(newest).tail(LAST),
    )


def _duckdb(duckdb: Any, folder: Path, bars: Bars) -> tuple[Job, ...]:
    """A table in a file."""
    base = duckdb.connect(str(folder / "candles.duckdb"))
    names = ", ".join(f"{name} double" for name in COLUMNS)
    base.execute(f"create table candles (timestamp bigint, {names})")
    _insert(base, bars)
    one, many = _pieces(bars)
    end = bars.close_time(-1)
    sums = ", ".join(f"sum({name})" for name in ("timestamp", *COLUMNS))

    return (
        lambda: _insert(base, one()),
        lambda: _insert(base, many()),
        lambda: base.execute(f"select sum(close) from candles where timestamp < {end}").fetchall(),
        lambda: base.execute(f"select {sums} from candles where timestamp < {end}").fetchall(),
        lambda: base.execute(
            f"select * from candles where timestamp >= {end - LAST * MINUTE_MS} and timestamp < {end}"
        ).fetchnumpy(),
    )


def _insert(base: Any, bars: Bars) -> None:
    base.register("piece", {"timestamp": bars.open_time, **{name: getattr(bars, name) for name in COLUMNS}})
    base.execute("insert into candles select * from piece")
    base.unregister("piece")
