"""A candle file is written whole or not at all."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.adapters.candle_files.candles import NAME, columns, save
from tradepool.adapters.candle_files.errors import BadFileName, CandleFileUnwritable, NoBars, UnsortedBars
from tradepool.adapters.candle_files.read import open_candles
from tradepool.adapters.candle_files.write import write_candles
from tradepool.core.market.bars import COLUMNS, Bars


@pytest.fixture
def bars(tmp_path: Path) -> Bars:
    folder = tmp_path / "source"
    folder.mkdir()
    return open_candles(save(folder, columns(1000)))[1]


@pytest.fixture
def nearly_full_disk() -> Iterator[None]:
    """The system refuses to let a file grow beyond 4 KiB: a write fails half-way, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_what_is_written_is_read_back(tmp_path: Path, bars: Bars) -> None:
    file = tmp_path / NAME
    write_candles(file, bars)
    read = open_candles(file)[1]
    for name in ("open_time", *COLUMNS):
        assert np.array_equal(getattr(read, name), getattr(bars, name))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [NAME]


def test_a_full_disk_leaves_what_stood_there(tmp_path: Path, bars: Bars, nearly_full_disk: None) -> None:
    file = tmp_path / NAME
    file.write_bytes(b"before")
    with pytest.raises(CandleFileUnwritable, match=r"could not be written: .*free space") as caught:
        write_candles(file, bars)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [NAME]


def test_a_missing_folder_is_refused(tmp_path: Path, bars: Bars) -> None:
    with pytest.raises(CandleFileUnwritable, match="No such file"):
        write_candles(tmp_path / "nowhere" / NAME, bars)


def test_the_name_must_say_the_timeframe(tmp_path: Path, bars: Bars) -> None:
    with pytest.raises(BadFileName, match="its bars are of 1m"):
        write_candles(tmp_path / "BINANCE-BTC-USDT-5m.parquet", bars)


def test_bars_that_could_not_be_read_back_are_not_written(tmp_path: Path, bars: Bars) -> None:
    with pytest.raises(UnsortedBars):
        write_candles(tmp_path / NAME, replace(bars, open_time=bars.open_time[::-1]))
    with pytest.raises(NoBars):
        write_candles(tmp_path / NAME, bars.slice(0, 0))
    assert not (tmp_path / NAME).exists()


def test_the_file_is_as_readable_as_any_other(tmp_path: Path, bars: Bars) -> None:
    mask = os.umask(0o022)
    try:
        write_candles(tmp_path / NAME, bars)
    finally:
        os.umask(mask)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o644
