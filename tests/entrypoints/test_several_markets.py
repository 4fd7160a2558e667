"""Several candle files are one mandate: backtest and replay say the same of it, and what can't be one is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.entrypoints.console import Console
from tests.model_series import write_series

CROSS = "moving_average_cross"
# The model leaves no holes in these: in a replay a candle that misses its batch costs a grace, and fills come that much later.
NAMES = ("BINANCE-ETH-USDT-5m", "BINANCE-BTC-USDT-5m", "BINANCE-XRP-USDT-5m")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Candles of three markets, not in the order of their symbols."""
    return [write_series(name, tmp_path, 1_500) for name in NAMES]


def test_backtest_and_replay_of_a_mandate_print_the_same_object(files: list[Path], console: Console) -> None:
    arguments = (CROSS, "--candles", *files, "--weight", "0.5", "--json")
    ran, replayed = console("backtest", *arguments), console("replay", *arguments)
    assert (ran.code, ran.err, replayed.code) == (0, "", 0)
    assert ran.out == replayed.out
    found = json.loads(ran.out)
    assert [used["market"] for used in found["markets"]] == ["ETH/USDT", "BTC/USDT", "XRP/USDT"]
    assert found["bars"] == 4_500
    assert {trade["market"] for trade in found["trades"]} == {"ETH/USDT", "BTC/USDT", "XRP/USDT"}
    assert {refusal["reason"] for refusal in found["refusals"]} == {"insufficient_cash"}
    assert found["trades"] == sorted(found["trades"], key=lambda trade: str(trade["exit_time"]))


def test_without_a_weight_every_market_can_be_entered_and_is_told_of(files: list[Path], console: Console) -> None:
    found = json.loads(console("backtest", CROSS, "--candles", *files, "--json").out)
    assert (found["weight"], found["refusals"]) == ("0.316666", [])
    said = console("backtest", CROSS, "--candles", *files).out
    assert "on 3 markets with one cash" in said
    assert "weight 0.316666 of the equity in each market" in said
    for name in ("ETH/USDT", "BTC/USDT", "XRP/USDT"):
        (line,) = [line for line in said.splitlines() if line.startswith(name) and "1,500" in line]
        assert line.rstrip().endswith("none")
    assert "equity" in said


def test_a_market_that_is_traded_may_be_read_by_the_others(files: list[Path], console: Console) -> None:
    strategy = ROOT / "examples" / "with_bitcoin.py"
    arguments = (strategy, "--candles", *files[:2], "--param", "bitcoin_length=50", "--json")
    ran = console("backtest", *arguments)
    assert (ran.code, ran.err) == (0, "")
    assert {trade["market"] for trade in json.loads(ran.out)["trades"]} == {"ETH/USDT", "BTC/USDT"}
    assert ran.out == console("replay", *arguments).out


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("BINANCE-BTC-USDT-5m", "BINANCE-ETH-BTC-5m"), "not quoted in one asset"),
        (("BINANCE-BTC-USDT-5m", "BINANCE-ETH-USDT-1m"), "different timeframes"),
        (("BINANCE-BTC-USDT-5m", "KRAKEN-ETH-USDT-5m"), "at one exchange"),
        (("BINANCE-BTC-USDT-5m", "BINANCE-BTC-USDT-5m"), "twice"),
    ],
)
def test_what_is_not_one_mandate_is_refused(
    names: tuple[str, ...], says: str, tmp_path: Path, console: Console
) -> None:
    files = [write_series(name, tmp_path, 100) for name in names]
    for command in ("backtest", "replay"):
        said = console(command, CROSS, "--candles", *files)
        assert (said.code, said.out) == (1, "")
        assert "can't be one mandate" in said.err
        assert says in said.err


def test_what_works_on_one_market_says_so(files: list[Path], console: Console) -> None:
    swept = console("sweep", CROSS, "--candles", *files, "--over", "fast=5:7:1")
    assert (swept.code, "one market; give one of them" in swept.err) == (1, True)
    given = console("backtest", CROSS, "--candles", *files, "--market", files[0])
    assert (given.code, "--market says how one market trades" in given.err) == (1, True)
