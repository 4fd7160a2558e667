"""Fixtures of the command-line tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.entrypoints.console import Console, console_of
from tests.model_series import write_series


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """The command line, away from the user's own strategies and candles; logging, which a failing command silences, is given back."""
    monkeypatch.setenv("TRADEPOOL_STRATEGIES__FOLDER", str(tmp_path / "strategies"))
    monkeypatch.setenv("TRADEPOOL_CANDLES__FOLDER", str(tmp_path / "store"))
    yield console_of(capsys)
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="session")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A candle file of a thousand modelled bars."""
    return write_series("BINANCE-BTC-USDT-5m", tmp_path_factory.mktemp("candles"), 1_000)
