"""The `data` commands on files and on a store: formats in and out, what is wrong named, nothing else harmed."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.adapters.candle_store.kit import MINUTE, SERIES, START, held, run_of, stored
from tests.conftest import ROOT
from tests.conftest import Series as FindSeries
from tests.entrypoints.console import Console
from tradepool.adapters.candle_files.found_name import KINDS
from tradepool.adapters.candle_files.read import open_candles
from tradepool.adapters.candle_store.layout import GRID
from tradepool.adapters.candle_store.store import FileStore
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.entrypoints.bench_store import WORKS, prepare
from tradepool.ports.candles import Series, Stretch

Row = list[float]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """The store that the console's commands use."""
    return FileStore(tmp_path / "store")


def rows(count: int = 10, unit: float = 1) -> list[Row]:
    """Candles as freqtrade's JSON and Binance's dumps have them."""
    bars = run_of(0, count)
    return [
        [int(t * unit), *(float(getattr(bars, name)[at]) for name in COLUMNS)]
        for at, t in enumerate(bars.open_time.tolist())
    ]


def csv_text(candles: list[Row], header: str = "") -> str:
    """As text, a line each."""
    lines = [",".join(str(value) for value in row) for row in candles]
    return "\n".join([header, *lines] if header else lines) + "\n"


def frame(candles: list[Row]) -> pl.DataFrame:
    """As freqtrade's feather."""
    columns = dict(zip(("date", *COLUMNS), map(list, zip(*candles, strict=True)), strict=True))
    return pl.DataFrame(columns).with_columns(
        pl.from_epoch(pl.col("date").cast(pl.Int64), time_unit="ms").dt.replace_time_zone("UTC")
    )


def dump() -> str:
    """Twelve columns and no header."""
    return "\n".join(",".join([*(str(v) for v in row), "1700000099999", "1", "1", "1", "1", "0"]) for row in rows())


def write(file: Path, kind: str) -> Path:
    """Ten candles in a format."""
    file.parent.mkdir(parents=True, exist_ok=True)
    match kind:
        case "csv":
            file.write_text(csv_text(rows(), "timestamp,open,high,low,close,volume"))
        case "csv of other names":
            file.write_text(csv_text(rows(unit=0.001), "Unix,Open,High,Low,Close,Vol"))
        case "csv of text":
            texts = [[str(np.datetime64(int(row[0]), "ms")) + "Z", *row[1:]] for row in rows()]
            file.write_text(csv_text(texts, "date,open,high,low,close,volume"))  # type: ignore[arg-type]
        case "dump":
            file.write_text(dump())
        case "dump in us":
            file.write_text("\n".join(",".join(map(str, [row[0] * 1000, *row[1:]])) for row in rows()))
        case "zip":
            with zipfile.ZipFile(file, "w") as packed:
                packed.writestr("BTCUSDT-1m-2023-11.csv", dump())
        case "json":
            file.write_text(json.dumps(rows()))
        case "json.gz":
            file.write_bytes(gzip.compress(json.dumps(rows()).encode()))
        case "feather":
            frame(rows()).write_ipc(file, compression="lz4")
        case "parquet":
            frame(rows()).write_parquet(file)
    return file


@pytest.mark.parametrize(
    ("name", "kind", "series", "note"),
    [
        ("BINANCE-BTC-USDT-1m.csv", "csv", "binance:BTC/USDT@1m", ""),
        ("BINANCE-BTC-USDT-1m.csv", "csv of other names", "binance:BTC/USDT@1m", "times in s, made ms"),
        ("BINANCE-BTC-USDT-1m.csv", "csv of text", "binance:BTC/USDT@1m", "times as text, taken as UTC"),
        ("BTCUSDT-1m-2023-11.csv", "dump", "binance:BTC/USDT@1m", ""),
        ("BTCUSDT-1m-2023-11-14.csv", "dump in us", "binance:BTC/USDT@1m", "times in us, made ms"),
        ("BTCUSDT-1m-2023-11.zip", "zip", "binance:BTC/USDT@1m", ""),
        ("kraken/BTC_EUR-1m.json", "json", "kraken:BTC/EUR@1m", ""),
        ("kraken/BTC_EUR-1m.json.gz", "json.gz", "kraken:BTC/EUR@1m", ""),
        ("okx/BTC_USDT-1m.feather", "feather", "okx:BTC/USDT@1m", ""),
        ("okx/futures/BTC_USDT_USDT-1m-futures.feather", "feather", "okx:BTC/USDT:USDT@1m", ""),
        ("okx/BTC_USDT-1m.parquet", "parquet", "okx:BTC/USDT@1m", ""),
    ],
)
def test_formats(
    console: Console, store: FileStore, tmp_path: Path, name: str, kind: str, series: str, note: str
) -> None:
    file = write(tmp_path / "in" / name, kind)
    said = console("data", "import", file, "--json")
    assert said.code == 0, said.err
    (row,) = json.loads(said.out)["files"]
    assert (row["series"], row["new"], row["notes"]) == (series, 10, [note] if note else [])
    assert held(store.reader(Series.parse(series)).bars()) == held(run_of(0, 10))
    again = json.loads(console("data", "import", file, "--json").out)["files"][0]
    assert (again["new"], again["same"], again["corrected"]) == (0, 10, 0)


def test_a_folder_of_freqtrade_s(console: Console, store: FileStore, tmp_path: Path) -> None:
    folder = tmp_path / "user_data" / "data"
    write(folder / "binance" / "BTC_USDT-1m.feather", "feather")
    write(folder / "binance" / "futures" / "BTC_USDT_USDT-1m-futures.feather", "feather")
    write(folder / "binance" / "futures" / "BTC_USDT_USDT-1m-mark.feather", "feather")
    write(folder / "binance" / "BTC_USDT-trades.feather", "feather")
    write(folder / "kraken" / "BTC_EUR-1m.json", "json")
    (folder / "notes_of-mine.txt").write_text("x")
    said = console("data", "import", "--from", "freqtrade", folder)
    assert said.code == 0, said.err
    assert [str(each) for each in store.series()] == [
        "binance:BTC/USDT@1m",
        "binance:BTC/USDT:USDT@1m",
        "kraken:BTC/EUR@1m",
    ]


def spoilt(change: str) -> str:
    """A CSV with something wrong in it."""
    candles = rows()
    match change:
        case "mixed units":
            candles[5][0] *= 1000
        case "off the grid":
            candles[5][0] += 1
        case "twice":
            candles.insert(6, [candles[5][0], 9, 9, 9, 9, 9])
        case "high below low":
            candles[5][2] = 1
        case "no number":
            return csv_text(candles, "timestamp,open,high,low,close,volume").replace("103.0", "x")
        case "no close":
            return csv_text([row[:4] + row[5:] for row in candles], "timestamp,open,high,low,volume")
        case "empty":
            return "timestamp,open,high,low,close,volume\n"
        case "five minutes":
            candles = [[row[0] + 4 * MINUTE * at, *row[1:]] for at, row in enumerate(candles)]
        case "ragged":
            return csv_text(candles, "timestamp,open,high,low,close,volume") + "1,2,3,4,5,6,7,8,9\n"
    return csv_text(candles, "timestamp,open,high,low,close,volume")


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("BINANCE-BTC-USDT-1m.csv", "mixed units", "not all of one unit"),
        (
            "BINANCE-BTC-USDT-1m.csv",
            "off the grid",
            "1 bars that cannot be: the first, of 2023-11-14T22:19:00Z, is off the grid",
        ),
        ("BINANCE-BTC-USDT-1m.csv", "twice", "is there twice, with different values"),
        ("BINANCE-BTC-USDT-1m.csv", "high below low", "is high below low"),
        ("BINANCE-BTC-USDT-1m.csv", "no number", "values that are no numbers"),
        ("BINANCE-BTC-USDT-1m.csv", "no close", "no column close"),
        ("BINANCE-BTC-USDT-1m.csv", "empty", "holds no bars"),
        ("BINANCE-BTC-USDT-1m.csv", "five minutes", "most of its bars are 5m apart"),
        ("BINANCE-BTC-USDT-1m.csv", "ragged", "cannot be read as CSV"),
        ("BINANCE-BTC-USDT-1m.parquet", "none", "cannot be read as Parquet"),
        ("BINANCE-BTC-USDT-1m.feather", "none", "cannot be read as feather"),
        ("BINANCE-BTC-USDT-1m.json", "none", "cannot be read as JSON"),
        ("BINANCE-BTC-USDT-1m.zip", "none", "cannot be read as CSV"),
        ("BINANCE-BTC-USDT-1m.csv.gz", "none", "cannot be read as CSV"),
        ("BINANCE-BTC-USDT-1m.xlsx", "none", "is of a kind not known here; known are .parquet, .feather"),
        ("candles.csv", "none", "say it with --series"),
        ("BTC_USDT-funding.csv", "none", "say it with --series"),
        ("LUNAXYZ-1m-2023-11.csv", "none", "where LUNAXYZ divides is not known"),
        ("BINANCE-BTC-USDT-7m.csv", "none", "timeframe 7m is not one of"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_and_the_others_come_in(
    console: Console, store: FileStore, tmp_path: Path, name: str, change: str, says: str
) -> None:
    bad = tmp_path / "in" / name
    good = write(tmp_path / "in" / "BYBIT-BTC-USDT-1m.csv", "csv")
    bad.write_text(spoilt(change))
    said = console("data", "import", bad, good, "--json")
    assert said.code == 1
    assert "1 of 2 files were not imported" in said.err
    assert says in said.err
    files = json.loads(said.out)["files"]
    assert says in files[0]["error"]
    assert [str(each) for each in store.series()] == ["bybit:BTC/USDT@1m"]


@pytest.mark.parametrize(("change", "left"), [("off the grid", 9), ("twice", 10), ("high below low", 9)])
def test_bad_bars_can_be_left_out(console: Console, store: FileStore, tmp_path: Path, change: str, left: int) -> None:
    file = tmp_path / "x.csv"
    file.write_text(spoilt(change))
    said = console("data", "import", file, "--series", "binance:BTC/USDT@1m", "--drop-bad", "--json")
    assert said.code == 0, said.err
    (row,) = json.loads(said.out)["files"]
    assert (row["new"], row["left_out"]) == (left, 1)
    assert "left out: 1" in row["notes"][-1]
    if change == "twice":
        assert held(store.reader(SERIES).bars())[5] == (9, 9, 9, 9, 9)


def test_nothing_there_is_named(console: Console, tmp_path: Path) -> None:
    for arguments, says in (
        (("import",), "Nothing is given to import"),
        (("import", tmp_path / "no.csv"), "does not exist"),
        (("import", tmp_path), "holds no candle files"),
        (("export", "binance:BTC/USDT@5m", "--to", tmp_path), "are not in the store"),
        (("check", "binance:BTC/USDT@5m"), "are not in the store"),
        (("repair", "what"), "are not in the store"),
    ):
        said = console("data", *arguments)
        assert (said.code, said.out) == (1, ""), arguments
        assert says in said.err, arguments
    assert "No candles in" in console("data", "list").out


@pytest.mark.parametrize("kind", ["parquet", "csv", "freqtrade"])
def test_what_goes_out_comes_back_the_same(console: Console, tmp_path: Path, kind: str, series: FindSeries) -> None:
    """A real series with holes, through each format into an empty store."""
    file = series("BINANCE-BTC-USDT-1h")
    _, bars = open_candles(file)
    assert console("data", "import", file).code == 0
    out = tmp_path / "out" / "binance"
    said = console("data", "export", "binance:BTC/USDT", "--to", out, "--format", kind, "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["series"][0]["bars"] == len(bars)
    (tmp_path / "store").rename(tmp_path / "first")
    assert console("data", "import", out).code == 0
    back = FileStore(tmp_path / "store").reader(Series.parse("binance:BTC/USDT@1h")).bars()
    for name in ("open_time", *COLUMNS):
        assert np.array_equal(getattr(back, name), getattr(bars, name)), name


def test_an_export_by_month_keeps_what_was_never_made(console: Console, store: FileStore, tmp_path: Path) -> None:
    gap = Stretch(START + 5 * MINUTE, START + 7 * MINUTE)
    stored(store.folder, run_of(0, 5), run_of(7, 3))
    with store.writer(SERIES) as writer:
        writer.mark_never_made(gap)
    assert console("data", "export", "--to", tmp_path / "out").code == 0
    store.folder.rename(tmp_path / "first")
    assert console("data", "import", tmp_path / "out").code == 0
    assert store.reader(SERIES).never_made() == [gap]
    made = json.loads(
        console("data", "export", "binance:BTC/USDT@5m", "--to", tmp_path / "five", "--format", "csv", "--json").out
    )
    assert made["series"][0]["bars"] == 1


def test_holes_of_a_file_may_be_told_to_be_none(console: Console, store: FileStore, tmp_path: Path) -> None:
    file = tmp_path / "BINANCE-BTC-USDT-1m.csv"
    candles = rows()
    file.write_text(csv_text(candles[:4] + candles[6:], "timestamp,open,high,low,close,volume"))
    console("data", "import", file)
    assert len(store.reader(SERIES).holes()) == 1
    assert json.loads(console("data", "list", "--json").out)["series"][0]["holes"] == 2
    said = console("data", "import", file, "--holes", "never", "--json")
    assert json.loads(said.out)["files"][0]["notes"] == ["2 bars never made"]
    assert store.reader(SERIES).holes() == []


# ---- check and repair


def findings(said: str) -> list[tuple[str, str, int]]:
    """What `check --json` found: weight, what, count."""
    found: list[dict[str, Any]] = json.loads(said)["findings"]
    return [(each["weight"], each["what"], each["count"]) for each in found]


def test_check_of_the_real_defect_sample(console: Console, real_data: Path | None) -> None:
    if real_data is None:
        pytest.skip("there is no real defect without real data")
    file = real_data / "ohlcv" / "BYBITPERP-LINK-USDT-1m.parquet"
    said = console("data", "check", file, "--json")
    assert said.code == 1
    (missing, *odd) = reversed(findings(said.out))
    assert missing[:2] == ("wrong", "missing in 524 stretches, the longest 801 from 2024-09-08T13:03:00Z")
    assert missing[2] == 419_724
    assert all(each[0] == "odd" for each in odd)


def test_check_of_a_file_names_each_kind(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "BINANCE-BTC-USDT-1m.csv"
    candles = rows(60)
    candles[10][0] += 1
    candles[20][2] = 1
    candles[30][1:5] = [1500, 1600, 1400, 1500]
    candles[40][3] = -1
    candles[45][5] = -1
    candles.insert(50, [*candles[49]])
    del candles[55]
    file.write_text(csv_text(candles, "timestamp,open,high,low,close,volume"))
    said = console("data", "check", file, "--json")
    assert said.code == 1
    found = {what: (weight, count) for weight, what, count in findings(said.out)}
    assert found["off the grid"] == ("wrong", 1)
    assert found["high below low"] == ("wrong", 1)
    assert found["price not above zero"] == ("wrong", 1)
    assert found["negative volume"] == ("wrong", 1)
    assert found["duplicate"] == ("wrong", 1)
    assert found["jump and back"][0] == "odd"
    assert any(what.startswith("missing") for what in found)
    assert "off the grid" in console("data", "check", file).out


def spoil(path: Path, row: int) -> None:
    """Turn a bit of a price around."""
    with path.open("r+b") as file:
        file.seek(8 * row + 6)
        file.write(b"\x99")


def test_a_damaged_store_is_checked_repaired_and_the_rest_usable(console: Console, store: FileStore) -> None:
    other = Series.parse("binance:ETH/USDT@1m")
    third = Series.parse("binance:LTC/USDT@1m")
    for series in (SERIES, other, third):
        stored(store.folder, run_of(0, 20_000), series=series)
    assert console("data", "check").code == 0
    spoil(store.folder_of(SERIES) / "close.f64", (START - 1_262_304_000_000) // MINUTE + 10)
    (store.folder_of(third) / GRID).write_bytes(b"?")
    said = console("data", "check", "--json")
    assert said.code == 1
    assert "binance:BTC/USDT@1m" in said.err
    assert "LTC-USDT" in said.err
    assert "ETH" not in said.err
    refused = console("backtest", "moving_average_cross", "--candles", SERIES)
    assert refused.code == 1
    assert "data repair binance:BTC/USDT@1m" in refused.err
    assert console("backtest", "moving_average_cross", "--candles", other).code == 0
    told = console("data", "repair", "--offline")
    assert told.code == 0
    assert "add --yes" in told.out
    assert console("data", "check").code == 1
    done = json.loads(console("data", "repair", "--offline", "--yes", "--json").out)
    assert done["done"]
    assert [step["where"] for step in done["steps"]] == ["binance:BTC/USDT@1m", "binance/LTC-USDT/1m"]
    assert all(Path(step["result"]).exists() for step in done["steps"])
    after = console("data", "check", "--json")
    (wrong,) = [each for each in findings(after.out) if each[0] == "wrong"]
    assert "missing" in wrong[1]
    assert store.series() == [SERIES, other]
    left = len(store.reader(SERIES).bars())
    assert 20_000 - 8_192 <= left < 20_000
    stored(store.folder, run_of(0, 20_000))
    assert console("data", "check").code == 0


def test_backtests_take_addresses_and_files_alike(console: Console, series: FindSeries) -> None:
    file = series("BINANCE-BTC-USDT-1h")
    assert console("data", "import", file, "--holes", "never").code == 0
    arguments = ("backtest", "moving_average_cross", "--json", "--candles")
    assert console(*arguments, file).out == console(*arguments, "binance:BTC/USDT@1h").out
    longer = json.loads(console(*arguments, "binance:BTC/USDT@4h").out)
    assert longer["markets"][0]["timeframe"] == "4h"
    assert longer["bars"] > 10_000
    swept = console("sweep", "moving_average_cross", "--candles", "binance:BTC/USDT@1d", "--over", "fast=5,8", "--json")
    assert json.loads(swept.out)["sets"] == 2
    assert "no market" not in console("backtest", "trend_pullback", "--candles", "binance:BTC/USDT@1h").err


def test_the_guide_names_every_command_and_every_kind_of_file(console: Console) -> None:
    guide = (ROOT / "docs" / "guides" / "data.md").read_text(encoding="utf-8")
    listed = console("data", "--help").out
    for name in ("download", "import", "export", "list", "check", "repair"):
        assert f"tradepool data {name}" in guide
        assert name in listed
    assert [ending for ending in KINDS if f"`{ending}`" not in guide and f"{ending}`" not in guide] == []


def test_bench_rows_are_about_the_store(capsys: pytest.CaptureFixture[str]) -> None:
    figures = prepare(20_000)()
    assert [figure.work for figure in figures] == [f"candle store: {work}" for work in WORKS]
    assert all("Parquet (polars)" in figure.peers for figure in figures)
    assert figures[2].peers["reach"] == 3.0


def test_bars_read_from_a_store_are_of_one_copy_at_most(store: FileStore) -> None:
    stored(store.folder, run_of(0, 100))
    bars: Bars = store.bars(SERIES)
    assert np.shares_memory(bars.close, bars.slice(0, 50).close)
    assert not bars.close.flags.owndata
