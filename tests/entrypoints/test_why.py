"""`why`: its answers are those of the state rows, the series and the backtest."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tests.entrypoints.console import Console
from tradepool.adapters.candle_files.read import open_candles
from tradepool.adapters.candle_files.write import write_candles
from tradepool.core.backtest.run import Setting, run
from tradepool.core.indicators.directional_movement_index import adx
from tradepool.core.market.market_step import MarketStep, series
from tradepool.core.strategies.catalog import named, names
from tradepool.presentation.formats import iso, plain
from tradepool.simexchange.market_model import model_bars

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A year of modelled hours."""
    file = tmp_path_factory.mktemp("why") / "BINANCE-BTC-USDT-1h.parquet"
    write_candles(file, model_bars(["BTC/USDT"], HOUR_MS, 1_704_067_200_000, 4_000, seed=12)["BTC/USDT"])
    return file


def test_the_answer_is_what_the_step_says(candles: Path, console: Console) -> None:
    said = console("why", "BTC/USDT", "--strategy", "macd_trend", "--candles", candles, "--param", "adx=30", "--json")
    (found,) = json.loads(said.out)["strategies"]
    market, bars = open_candles(candles)
    strategy = named("macd_trend").with_parameters({"adx": 30})
    rows = MarketStep(strategy, HOUR_MS).advance(bars)
    entered = series([strategy.enter], bars, values=strategy.values).ravel()
    assert found["level"] == rows[-1, 0]
    assert found["enters"] == bool(entered[-1])
    strength = next(row for row in found["conditions"] if row["condition"].startswith("ADX"))
    value = series([adx(length=14).adx], bars).ravel()[-1]
    assert (strength["value"], strength["limit"], strength["holds"]) == (value, 30.0, bool(value > 30.0))
    assert strength["missing"] == (None if value > 30.0 else 30.0 - value)
    edges = np.flatnonzero((rows[:, 0] > 0.0) & (rows[:, 1] == 0.0))[-10:]
    assert [row["time"] for row in found["signals"]] == [iso(bars.close_time(int(index))) for index in edges]
    for row, index in zip(found["signals"], edges.tolist(), strict=True):
        later = index + found["after_bars"]
        assert row["price"] == bars.close[index]
        assert row["change"] == (bars.close[later] / bars.close[index] - 1.0 if later < len(bars) else None)
        assert row["reason"].startswith("MACD crosses above its signal and noise; close above its long average")
    trades = {iso(trade.entry_time_ms): trade for trade in run(strategy, market, bars, Setting(Decimal(10_000))).trades}
    made = [(trades[row["time"]], row) for row in found["signals"] if row["time"] in trades]
    assert len(made) >= max(4, len(edges) - 1)
    assert all((plain(trade.pnl), trade.exit_reason.value) == (row["pnl"], row["outcome"]) for trade, row in made)


def test_without_a_strategy_it_is_all_of_them(candles: Path, console: Console) -> None:
    said = console("why", "binance:BTC/USDT", "--candles", candles, "--json")
    assert [item["strategy"] for item in json.loads(said.out)["strategies"]] == list(names())
    page = console("why", "BTC/USDT", "--candles", candles).out
    assert all(f"{name} is " in page or f"{name} would enter" in page for name in names())
    assert "what became of it" in page


def test_what_cannot_be_explained_is_named(candles: Path, console: Console, tmp_path: Path) -> None:
    short = tmp_path / "BINANCE-BTC-USDT-1h.parquet"
    write_candles(short, model_bars(["BTC/USDT"], HOUR_MS, 0, 50, seed=1)["BTC/USDT"])
    for arguments, words in (
        (["ETH/USDT", "--candles", candles], "holds BTC/USDT, not 'ETH/USDT'"),
        (["BTC/USDT", "--strategy", "macd_trend", "--candles", short], "BTC/USDT has 50 candles there, and macd_trend"),
        (["BTC/USDT", "--candles", tmp_path / "BINANCE-BTC-USDT-5m.parquet"], "BINANCE-BTC-USDT-5m.parquet"),
    ):
        said = console("why", *arguments)
        assert (said.code, said.out) == (1, "")
        assert words in said.err
    said = console("why", "BTC/USDT")
    assert "There are no candles of 'BTC/USDT' (none is stored)" in said.err
