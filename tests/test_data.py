"""The data that tests run on: real where it is, made where it is absent, an error where it was promised."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import DATA_VARIABLE, ROOT, Series
from tests.model_series import write_series
from tradepool.adapters.candle_files.read import open_candles

PROBE = "tests/test_data.py::test_a_series_opens"


def probe(data: str) -> subprocess.CompletedProcess[str]:
    """Run one test that asks for data in a pytest of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", PROBE]
    environment = {**os.environ, DATA_VARIABLE: data}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_series_opens(series: Series) -> None:
    market, bars = open_candles(series("BINANCE-BTC-USDT-5m"))
    assert market.symbol == "BTC/USDT"
    assert len(bars) > 10_000


def test_a_made_series_opens_and_is_the_same_twice(tmp_path: Path) -> None:
    name = "OKXPERP-BTC-USDT-5m"
    files = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        files.append(write_series(name, folder).read_bytes())
    assert files[0] == files[1]
    assert len(open_candles(tmp_path / "a" / f"{name}.parquet")[1]) > 10_000


@pytest.mark.parametrize("content", [None, "empty"])
def test_data_that_is_promised_and_not_there_fails_the_tests(tmp_path: Path, content: str | None) -> None:
    folder = tmp_path / "data"
    if content is not None:
        (folder / "ohlcv").mkdir(parents=True)
    done = probe(str(folder))
    assert done.returncode == 1
    assert "1 error" in done.stdout
    assert done.stdout.splitlines()[-1] == "real data: unreadable"


def test_real_data_is_said_on_the_last_line(real_data: Path | None) -> None:
    if real_data is None:
        pytest.skip("there is no real data to point at")
    done = probe(str(real_data))
    assert "1 passed" in done.stdout.splitlines()[-2]
    assert done.stdout.splitlines()[-1] == "real data: present"
