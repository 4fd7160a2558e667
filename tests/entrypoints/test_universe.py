"""`universe show`: files or the store, rules of the configuration, and what is said of each market."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.entrypoints.console import Console
from tradepool.adapters.candle_files.write import write_candles
from tradepool.simexchange.market_model import model_bars

DAY_MS = 86_400_000


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Daily candles of three markets."""
    made = model_bars(["BTC/USDT", "ETH/USDT", "SOL/USDC"], DAY_MS, 1_704_067_200_000, 200, seed=2)
    found = []
    for symbol, bars in made.items():
        found.append(tmp_path / f"BINANCE-{symbol.replace('/', '-')}-1d.parquet")
        write_candles(found[-1], bars)
    return found


def test_each_market_and_each_rule(files: list[Path], tmp_path: Path, console: Console) -> None:
    config = tmp_path / "tradepool.toml"
    config.write_text('[universe]\nquotes = ["USDT"]\nage_min = 300\nallow = ["ETH/USDT"]\n', encoding="utf-8")
    said = console("universe", "show", "--candles", *files, "--config", config, "--json")
    rows = {row["market"]: row for row in json.loads(said.out)["markets"]}
    assert {name: row["is_in"] for name, row in rows.items()} == {
        "BTC/USDT": False,
        "ETH/USDT": True,
        "SOL/USDC": False,
    }
    (age,) = rows["BTC/USDT"]["removed_by"]
    assert (age["rule"], age["value"], age["limit"], age["by"]) == ("age", 200.0, 300.0, 100.0)
    assert [item["rule"] for item in rows["SOL/USDC"]["removed_by"]] == ["quote", "age"]
    assert rows["ETH/USDT"]["allowed"]
    page = console("universe", "show", "--candles", *files, "--config", config).out
    assert "age 200 days, at least 300: short by 100" in page
    assert "quoted in USDC, wanted USDT" in page
    assert "1 of 3 markets are in." in page


def test_the_store_has_its_markets(files: list[Path], console: Console) -> None:
    assert "There are no candles in the store" in console("universe", "show").err
    assert console("data", "import", *files).code == 0
    rows = json.loads(console("universe", "show", "--json").out)["markets"]
    assert [(row["market"], row["is_in"]) for row in rows] == [(s, True) for s in ("BTC/USDT", "ETH/USDT", "SOL/USDC")]


def test_a_rule_that_makes_no_sense_is_one_line(files: list[Path], tmp_path: Path, console: Console) -> None:
    config = tmp_path / "tradepool.toml"
    config.write_text('[universe]\nconditions = ["clos > 5"]\n', encoding="utf-8")
    said = console("universe", "show", "--candles", files[0], "--config", config)
    assert (said.code, said.out) == (1, "")
    assert "close" in said.err
