"""A good file opens whole; every kind of bad one is refused by name, in one line that names the file."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adapters.candle_files.candles import MINUTE_MS, NAME, START_MS, Columns, columns, save
from tradepool.adapters.candle_files import errors
from tradepool.adapters.candle_files.read import open_candles


def refused(file: Path, error: type[errors.BadCandleFile]) -> str:
    with pytest.raises(error) as caught:
        open_candles(file)
    message = str(caught.value)
    assert type(caught.value) is error
    assert str(file) in message
    assert "\n" not in message
    return message


def spoilt(name: str, row: int, value: float | int | str | None) -> Columns:
    content = columns()
    content[name][row] = value
    return content


def test_a_good_file_opens(tmp_path: Path) -> None:
    market, bars = open_candles(save(tmp_path, columns()))
    assert (market.venue, market.symbol) == ("binance", "BTC/USDT")
    assert (bars.timeframe_ms, len(bars)) == (MINUTE_MS, 5)
    assert bars.open_time[0] == START_MS
    assert bars.low.tolist() == [99.25, 100.25, 101.25, 102.25, 103.25]


def test_a_hole_is_no_error_and_other_columns_are_passed_over(tmp_path: Path) -> None:
    content = columns()
    content["trades"] = [1, 2, 3, 4, 5]
    for name in content:
        del content[name][2]
    assert len(open_candles(save(tmp_path, content))[1]) == 4


@pytest.mark.parametrize(
    "name",
    ["btc.parquet", "BINANCE-BTC-USDT.parquet", "BINANCE-BTC-USDT-7m.parquet", "A-B-C-D-1m.parquet", "A-B-C-1m.csv"],
)
def test_a_bad_file_name(tmp_path: Path, name: str) -> None:
    refused(save(tmp_path, columns(), name), errors.BadFileName)


def test_a_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / NAME, errors.CandleFileMissing)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"timestamp,open\n1,2\n"])
def test_a_file_that_is_no_parquet(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / NAME
    file.write_bytes(content)
    refused(file, errors.CandleFileUnreadable)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_never_ends_in_another_error(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(save(tmp_path, columns(200)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path / NAME
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        open_candles(file)
    except errors.BadCandleFile as error:
        assert "\n" not in str(error)


def test_a_missing_column(tmp_path: Path) -> None:
    content = columns()
    del content["low"], content["volume"]
    assert "no column low, volume" in refused(save(tmp_path, content), errors.WrongColumns)


def test_columns_of_the_wrong_type(tmp_path: Path) -> None:
    file = tmp_path / NAME
    frame = pl.DataFrame(columns())
    frame.with_columns(pl.col("close").cast(pl.String)).write_parquet(file)
    assert "close of type String" in refused(file, errors.WrongColumns)
    frame.with_columns(pl.col("timestamp").cast(pl.Float64)).write_parquet(file)
    assert "timestamp of type Float64" in refused(file, errors.WrongColumns)


def test_an_empty_timestamp(tmp_path: Path) -> None:
    refused(save(tmp_path, spoilt("timestamp", 2, None)), errors.WrongColumns)


def test_timestamps_beyond_64_bits(tmp_path: Path) -> None:
    file = tmp_path / NAME
    pl.DataFrame(columns()).with_columns(pl.lit(2**63, dtype=pl.UInt64).alias("timestamp")).write_parquet(file)
    refused(file, errors.WrongColumns)


def test_a_file_without_bars(tmp_path: Path) -> None:
    file = tmp_path / NAME
    pl.DataFrame(columns()).clear().write_parquet(file)
    refused(file, errors.NoBars)


def test_unsorted_bars(tmp_path: Path) -> None:
    message = refused(save(tmp_path, spoilt("timestamp", 3, START_MS)), errors.UnsortedBars)
    assert "row 3 (2023-11-14T22:14:00Z)" in message


def test_duplicate_bars(tmp_path: Path) -> None:
    message = refused(save(tmp_path, spoilt("timestamp", 3, START_MS + 2 * MINUTE_MS)), errors.DuplicateBars)
    assert "2023-11-14T22:16:00Z twice (row 3)" in message


def test_a_bar_off_the_timeframe(tmp_path: Path) -> None:
    file = save(tmp_path, spoilt("timestamp", 4, START_MS + 4 * MINUTE_MS + 1))
    assert "no multiple of 1m" in refused(file, errors.OffTimeframe)


@pytest.mark.parametrize("time_ms", [-MINUTE_MS, -(2**63), 4_102_444_800_000, START_MS * 1000, 2**63 - 1])
def test_a_bar_outside_the_calendar(tmp_path: Path, time_ms: int) -> None:
    message = refused(save(tmp_path, spoilt("timestamp", 4, time_ms)), errors.TimeOutOfRange)
    assert f"{time_ms} (row 4), which is not between 1970 and 2100; timestamps are milliseconds" in message


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_no_number(tmp_path: Path, name: str, value: float | None) -> None:
    message = refused(save(tmp_path, spoilt(name, 1, value)), errors.NotANumber)
    assert f"as {name} at 2023-11-14T22:15:00Z (row 1)" in message


@pytest.mark.parametrize("name", ["open", "high", "low", "close"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_price_of_zero_or_less(tmp_path: Path, name: str, value: float) -> None:
    assert f"{name} {value}" in refused(save(tmp_path, spoilt(name, 4, value)), errors.PriceNotPositive)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("high", 50.0, "high is below its low"),
        ("high", 101.9, "high is below its open or close"),
        ("low", 101.5, "low is above its open or close"),
        ("open", 200.0, "high is below its open or close"),
        ("close", 50.0, "low is above its open or close"),
    ],
)
def test_a_range_that_does_not_hold_its_prices(tmp_path: Path, name: str, value: float, why: str) -> None:
    assert why in refused(save(tmp_path, spoilt(name, 1, value)), errors.BrokenRange)


def test_a_negative_volume(tmp_path: Path) -> None:
    assert "volume -0.5" in refused(save(tmp_path, spoilt("volume", 0, -0.5)), errors.NegativeVolume)


def test_real_files_open_and_stand_on_their_tick(real_data: Path | None, long: bool) -> None:
    if real_data is None:
        pytest.skip("there are no real files to open")
    files = sorted((real_data / "ohlcv").glob("*.parquet"))[:: 1 if long else 12]
    for file in files:
        try:
            market, bars = open_candles(file)
        except errors.PriceNotPositive:
            continue  # one recorded series begins with an open of 0
        ticks = bars.close / float(market.price_tick)
        assert np.abs(ticks - np.rint(ticks)).max() < 1e-3, file.name
        assert market.units_per_step <= 10**8


def test_a_million_and_a_half_bars_open_in_about_a_second(tmp_path: Path) -> None:
    count = 1_500_000
    price = np.round(np.random.default_rng(1).uniform(1_000, 60_000, count), 8)
    frame = {"timestamp": START_MS + np.arange(count) * MINUTE_MS, "open": price, "high": price, "low": price}
    file = tmp_path / NAME
    pl.DataFrame({**frame, "close": price, "volume": price}).write_parquet(file)
    began_s = time.process_time()
    open_candles(file)
    assert time.process_time() - began_s < 3.0  # measured 0.3-0.6 s; the margin is for a busy machine
