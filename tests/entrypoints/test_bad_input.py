"""Whatever is wrong with the input: one line that names it, the right exit code, nothing on standard output, no file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.entrypoints.console import Console

CROSS = "moving_average_cross"
NAME = "BINANCE-BTC-USDT-5m.parquet"
BAR_MS = 300_000
HUSH = "swordfish"
Columns = dict[str, list[Any]]


def good(count: int = 60) -> Columns:
    """Columns of a flat but valid series."""
    times = [1_704_067_200_000 + index * BAR_MS for index in range(count)]
    prices = [100.0 + index % 7 for index in range(count)]
    high, low = [price + 1 for price in prices], [price - 1 for price in prices]
    return {
        "timestamp": times,
        "open": list(prices),
        "high": high,
        "low": low,
        "close": prices,
        "volume": [1.0] * count,
    }


def swap_times(columns: Columns) -> None:
    times = columns["timestamp"]
    times[10], times[11] = times[11], times[10]


def repeat_time(columns: Columns) -> None:
    columns["timestamp"][11] = columns["timestamp"][10]


def negative_price(columns: Columns) -> None:
    columns["low"][5] = -1.0


def high_below_low(columns: Columns) -> None:
    columns["high"][5] = 1.0


def no_number(columns: Columns) -> None:
    columns["close"][5] = float(np.nan)


def no_volume(columns: Columns) -> None:
    del columns["volume"]


def check(console: Console, *arguments: object, code: int = 1, says: str) -> None:
    said = console(*arguments)
    assert (said.code, said.out) == (code, ""), said.err
    assert said.err.count("\n") == 1, said.err
    assert said.err.startswith("tradepool: ")
    assert says in said.err


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (swap_times, "not sorted"),
        (repeat_time, "twice"),
        (negative_price, "prices are above zero"),
        (high_below_low, "high is below its low"),
        (no_number, "no number as close"),
        (no_volume, "no column volume"),
    ],
)
@pytest.mark.parametrize("command", ["backtest", "replay"])
def test_a_malformed_candle_file(
    command: str, spoil: Callable[[Columns], None], says: str, tmp_path: Path, console: Console
) -> None:
    columns = good()
    spoil(columns)
    pl.DataFrame(columns).write_parquet(tmp_path / NAME)
    check(console, command, CROSS, "--candles", tmp_path / NAME, says=says)
    assert [file.name for file in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (NAME, None, "does not exist"),
        (NAME, b"junk", "cannot be read as Parquet"),
        (NAME, b"", "cannot be read as Parquet"),
        ("candles.parquet", b"junk", "rename it"),
        ("BINANCE-BTC-USDT-7m.parquet", b"junk", "timeframe 7m"),
    ],
)
def test_an_unreadable_candle_file(
    name: str, content: bytes | None, says: str, tmp_path: Path, console: Console
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    check(console, "backtest", CROSS, "--candles", file, says=says)
    check(console, "demo", "--candles", file, says=says)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--cash", "0"], "--cash cannot be 0"),
        (["--cash", "-1"], "above 0"),
        (["--cash", "nan"], "a finite number"),
        (["--cash", "abc"], "--cash cannot be 'abc'"),
        (["--cash", "1e12"], "2^53"),
        (["--cash", "1.123456789"], "whole multiple"),
        (["--weight", "0"], "--weight cannot be 0"),
        (["--weight", "1.5"], "at most 1"),
        (["--slippage-bp", "-1"], "--slippage-bp cannot be -1"),
        (["--param", "fats=9"], "has no parameter 'fats'"),
        (["--param", "fast=999"], "from 2 to 200"),
        (["--param", "fast=1.5"], "a whole number"),
        (["--param", "fast=quick"], "give a number"),
        (["--param", "fast"], "name=value"),
        (["--param", "fast=5", "fast=6"], "given twice"),
        (["--market", "nowhere.toml"], "nowhere.toml"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_a_bad_flag(flags: list[str], says: str, candles: Path, console: Console) -> None:
    check(console, "backtest", CROSS, "--candles", candles, *flags, says=says)


def test_an_unknown_strategy_is_told_the_nearest(candles: Path, console: Console) -> None:
    check(console, "backtest", "moving_average_cros", "--candles", candles, says="did you mean moving_average_cross?")
    check(console, "strategies", "show", "nope", says="known: bollinger_breakout, donchian_turtle, macd_trend, ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x =", "SyntaxError"),
        ("y = 1", "AttributeError"),
        ("import nowhere", "ModuleNotFoundError"),
        ("def strategy(): return 1", "returned a int"),
        ("1 / 0", "ZeroDivisionError"),
        ("{}['x']", "KeyError"),
        ("assert False, 'not yet'", "AssertionError: not yet"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def strategy(): return strategy()", "RecursionError"),
        ("open('/nowhere/x')", "FileNotFoundError"),
        ("None + 1", "TypeError"),
        ("int('x')", "ValueError"),
    ],
)
def test_an_unusable_strategy_file(text: str, says: str, tmp_path: Path, candles: Path, console: Console) -> None:
    file = tmp_path / "own.py"
    file.write_text(text, encoding="utf-8")
    check(console, "backtest", file, "--candles", candles, says=says)


def test_a_strategy_file_may_declare_dataclasses_and_print(tmp_path: Path, candles: Path, console: Console) -> None:
    file = tmp_path / "own.py"
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from tradepool.core.strategies.catalog import named\nprint('hello')\n\n"
        f"@dataclass\nclass Kept:\n    length: int = 3\n\ndef strategy():\n    return named('{CROSS}')\n"
    )
    file.write_text(text, encoding="utf-8")
    said = console("backtest", file, "--candles", candles, "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["strategy"] == CROSS
    assert said.err == "hello\n"


def test_what_replay_refuses_backtest_refuses(tmp_path: Path, candles: Path, console: Console) -> None:
    file = tmp_path / "market.toml"
    file.write_text("taker_rate = 0.0000005\n", encoding="utf-8")
    for command in ("backtest", "replay"):
        check(console, command, CROSS, "--candles", candles, "--market", file, says="whole millionths")


def test_an_error_text_shows_no_secret(console: Console) -> None:
    said = console("backtest", "token=abcdef", "--candles", "x.parquet")
    assert "abcdef" not in said.err
    assert "token=***" in said.err


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--candles"], "--candles is given without a file"),
        (["--users", "0"], "--users cannot be 0"),
        (["--days", "0"], "--days cannot be 0"),
        (["--seed", "-1"], "--seed cannot be -1"),
        (["--speed", "fast"], "max, or a number"),
        (["--speed", "-2"], "max, or a number"),
    ],
)
def test_a_bad_flag_of_the_demo(flags: list[str], says: str, console: Console) -> None:
    check(console, "demo", *flags, says=says)


def test_candle_files_that_do_not_go_together(candles: Path, tmp_path: Path, console: Console) -> None:
    columns = good()
    other = tmp_path / "BINANCE-ETH-USDT-1m.parquet"
    pl.DataFrame(columns).write_parquet(other)
    check(console, "demo", "--candles", candles, other, says="one timeframe")
    check(console, "demo", "--candles", candles, candles, says="give each file once")


def test_a_misspelt_setting(tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tradepool.toml"
    file.write_text('[log]\nlevle = "info"\n', encoding="utf-8")
    check(console, "config", "show", "--config", file, says="did you mean level?")
    monkeypatch.setenv("TRADEPOOL_BACKTEST__CAHS", "1")
    check(console, "config", "show", says="TRADEPOOL_BACKTEST__CAHS")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["backtest"],
        ["backtest", CROSS],
        ["backtest", CROSS, "--candles", "x.parquet", "--cash"],
        ["demo", "--users", "many"],
        ["demo", "--users", "1.9"],
        ["demo", "--days", "1.9"],
        ["demo", "--seed", "7.5"],
        ["bench", "--rounds", "1.9"],
        ["backtest", CROSS, "--candles", "x.parquet", "--slippage-bp", "1.9"],
        ["backtest", CROSS, "--candles", "x.parquet", "--nope"],
        ["backtest", CROSS, "--candles", "x.parquet", "--runner", "magic"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], console: Console) -> None:
    check(console, *arguments, code=2, says="tradepool --help")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["positions", "clsoe", "1a"],
            "tradepool positions has no command clsoe; did you mean close? See tradepool pos",
        ),
        (["keys", "lst"], "tradepool keys has no command lst; did you mean list? See tradepool keys --help."),
        (["--as", "ann", "orders", "cancle"], "tradepool orders has no command cancle; did you mean cancel?"),
        (["mandates", "prview"], "has no command prview; did you mean preview?"),
        (["positns"], "tradepool has no command positns; did you mean positions? See tradepool --help."),
        (["keys", HUSH], "tradepool keys has no such command; it has master, add, list, "),
        (["orders", HUSH], "tradepool orders has no such command; it has list, cancel."),
        (["keys", "add", "ann-main", HUSH, HUSH], "tradepool keys add takes fewer words: 2 too many"),
        ([HUSH], "tradepool has no such command. See tradepool --help."),
    ],
)
def test_a_word_that_no_command_takes_is_repeated_only_if_it_is_nearly_one(
    arguments: list[str], says: str, console: Console
) -> None:
    """What was typed in a wrong place may be a key."""
    check(console, *arguments, code=2, says=says)
    assert HUSH not in console(*arguments).err


def test_unknown_work_and_tests_outside_a_clone(console: Console) -> None:
    check(console, "bench", "nope", says="choose from backtest")
    check(console, "test", says="clone the repository")


def test_the_program_itself_exits_with_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tradepool.entrypoints.cli", "demo", "--users", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "tradepool: --users cannot be 0; give a whole number from 1 to 1,000.\n"
