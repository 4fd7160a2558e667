"""What the commands print: shapes, sameness, and the examples."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.entrypoints.console import Console
from tests.entrypoints.isolation import every_command
from tradepool.adapters.candle_files.write import write_candles
from tradepool.entrypoints import bench_long_series, bench_replay
from tradepool.entrypoints.bench_replay import Load, figures
from tradepool.entrypoints.demo import demo_plan
from tradepool.entrypoints.demo_run import Finished, Watch, demo_json
from tradepool.entrypoints.replay import Replay, replay
from tradepool.simexchange.market_model import model_bars

DAY_BARS = 288
CROSS = "moving_average_cross"
RUN_KEYS = [
    "schema",
    "strategy",
    "parameters",
    "markets",
    "bars",
    "start",
    "end",
    "cash",
    "weight",
    "limits",
    "final_equity",
    "fees",
    "trades",
    "open_positions",
    "refusals",
]
TRADE_KEYS = [
    "market",
    "strategy",
    "side",
    "entry_time",
    "entry_price",
    "exit_time",
    "exit_price",
    "quantity",
    "fees",
    "pnl",
    "exit_reason",
]
USER_KEYS = ["id", "trades", "open_positions", "pnl", "fees", "commission_base", "ledger_minus_venue"]
DECIMAL = re.compile(r"-?\d+(\.\d*[1-9])?")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")


def test_backtest_and_replay_print_the_same_object(candles: Path, console: Console) -> None:
    arguments = [CROSS, "--candles", candles, "--param", "fast=8", "slow=21", "--json"]
    ran, replayed = console("backtest", *arguments), console("replay", *arguments)
    assert (ran.code, replayed.code) == (0, 0)
    assert ran.out == replayed.out
    assert ran.out == console("backtest", *arguments, "--runner", "reference").out
    found = json.loads(ran.out)
    assert list(found) == RUN_KEYS
    assert found["trades"]
    assert found["parameters"]["fast"] == 8
    for trade in found["trades"]:
        assert list(trade) == TRADE_KEYS
        assert all(DECIMAL.fullmatch(trade[key]) for key in ("entry_price", "exit_price", "quantity", "pnl"))
        assert all(TIME.fullmatch(trade[key]) for key in ("entry_time", "exit_time"))
        assert trade["market"] == "BTC/USDT"
        assert list(trade["fees"]) == ["BTC", "USDT"]


def test_flags_and_configuration_say_the_same(candles: Path, console: Console, tmp_path: Path) -> None:
    file = tmp_path / "tradepool.toml"
    file.write_text('[backtest]\ncash = "500"\nweight = "0.5"\nslippage_bp = 3\n', encoding="utf-8")
    flags = ["--cash", "500", "--weight", "0.5", "--slippage-bp", "3", "--json"]
    by_flags = console("backtest", CROSS, "--candles", candles, *flags)
    by_file = console("backtest", CROSS, "--candles", candles, "--config", file, "--json")
    assert by_flags.out == by_file.out
    assert json.loads(by_file.out)["cash"] == "500"
    assert json.loads(by_file.out)["markets"][0]["slippage_bp"] == 3
    assert json.loads(by_file.out)["weight"] == "0.5"
    assert json.loads(by_file.out)["limits"] == {"order_notional_max": None, "daily_loss_max": None}
    assert 'cash = "500"' in console("config", "show", "--config", file).out


def test_a_market_file_overrides_and_is_printed(candles: Path, console: Console, tmp_path: Path) -> None:
    file = tmp_path / "market.toml"
    file.write_text("taker_rate = 0.0005\nquantity_step = 0.0001\n", encoding="utf-8")
    used = json.loads(console("backtest", CROSS, "--candles", candles, "--market", file, "--json").out)["markets"][0]
    assert (used["taker_rate"], used["quantity_step"]) == ("0.0005", "0.0001")


def test_a_demo_is_the_same_twice_and_its_books_agree(console: Console) -> None:
    arguments = ["demo", "--days", "3", "--users", "3", "--json"]
    first, second = console(*arguments), console(*arguments)
    assert first.code == 0
    assert first.out == second.out
    assert "PRACTICE" in first.err
    found = json.loads(first.out)
    assert list(found) == ["schema", "seed", "candles", "users", "orders", "fills", "refusals"]
    assert len(found["users"]) == 3
    for user in found["users"]:
        assert list(user) == USER_KEYS
        assert user["trades"] > 0
        assert set(user["ledger_minus_venue"].values()) == {"0"}
        assert 0 <= Decimal(user["commission_base"]) <= max(Decimal(0), Decimal(user["pnl"]))
    assert console(*arguments, "--seed", "8").out != first.out


def test_a_demo_on_candle_files_of_two_venues(candles: Path, console: Console, tmp_path: Path) -> None:
    other = tmp_path / "BYBIT-BTC-USDT-5m.parquet"
    other.write_bytes(candles.read_bytes())
    said = console("demo", "--users", "1", "--days", "2", "--candles", candles, other, "--json")
    assert list(json.loads(said.out)["users"][0]["fees"]) == ["BTC", "BYBITBTC", "USDT"]
    shown = console("demo", "--users", "1", "--days", "1", "--candles", candles).out
    assert "ledger - venue" in shown
    assert "strategies show" in shown


def test_the_fees_of_a_demo_are_all_that_the_venue_took() -> None:
    plan = demo_plan(3, [], 3, 7)
    runs: set[Replay] = set()
    watch = Watch()

    def before_step(run: Replay) -> bool:
        runs.add(run)
        watch.seen(run)
        return True

    outcome = replay(plan, before_step)
    assert watch.platform is not None
    said = demo_json(plan, Finished(outcome, watch.platform, 1.0)).users
    (run,) = runs
    assert any(user.open_positions for user in said)
    for user, seat in zip(said, run.seats, strict=True):
        taken = dict.fromkeys(user.fees, Decimal(0))
        for trade in run.venue.trades(seat.credentials.key):
            market = trade.market.market
            taken[trade.fee_asset] += trade.fee_units * (
                market.base_unit if trade.fee_asset == market.base else market.quote_unit
            )
        assert {asset: Decimal(text) for asset, text in user.fees.items()} == taken


def test_a_paced_demo_takes_its_time(console: Console) -> None:
    began_s = time.perf_counter()
    said = console("demo", "--users", "1", "--days", "1", "--speed", "80000", "--json")
    assert said.code == 0
    assert time.perf_counter() - began_s >= 1.0


def test_the_report_says_why_there_are_no_trades(candles: Path, console: Console) -> None:
    small = console("backtest", CROSS, "--candles", candles, "--cash", "1")
    assert "below_minimum" in small.out
    assert "too small to be sold again" in small.out
    silent = console("backtest", "bollinger_breakout", "--candles", candles, "--param", "width=5.0", "length=2")
    assert "never gave an entry signal" in silent.out


def test_the_report_shows_what_was_used(candles: Path, console: Console) -> None:
    out = console("backtest", CROSS, "--candles", candles).out
    for part in (
        "tick 0.01",
        "weight 0.95 of the equity, no limits",
        "fee 0.1 %",
        "slippage 1 bp",
        "fast=12",
        "profit factor",
        "equity   ",
        "say little",
    ):
        assert part in out


def test_strategies(console: Console) -> None:
    listed = console("strategies", "list").out
    assert "bollinger_breakout" in listed
    assert "moving_average_cross" in listed
    shown = console("strategies", "show", CROSS).out
    for part in ("2 to 200", "def market_step(", "bars seen", "crosses", "earlier bars"):
        assert part in shown


def test_strategies_as_json(console: Console) -> None:
    listed = json.loads(console("strategies", "list", "--json").out)
    assert list(listed) == ["schema", "strategies", "origins", "faults"]
    assert listed["faults"] == {}
    assert "Buy when the fast average" in listed["strategies"][CROSS]
    shown = json.loads(console("strategies", "show", CROSS, "--json").out)["strategy"]
    assert shown["name"] == CROSS
    assert shown["parameters"][0] == {"name": "fast", "default": 12, "low": 2, "high": 200, "step": 1}
    assert "def market_step(" in shown["source"]


def test_doctor(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADEPOOL_DATA", raising=False)
    found = json.loads(console("doctor", "--json").out)
    assert {"python", "ccxt", "sqlite", "native compiler", "ports"} <= {check["name"] for check in found["checks"]}
    monkeypatch.setenv("TRADEPOOL_DATA", "/nowhere")
    said = console("doctor")
    assert said.code == 1
    assert "FAIL" in said.out
    assert said.err == "tradepool: 1 checks failed (candles); each line above says what to do.\n"


def test_bench_prints_the_shape(console: Console) -> None:
    found = json.loads(console("bench", "compile", "--rounds", "1", "--json").out)
    assert list(found) == ["schema", "machine", "rows"]
    assert list(found["machine"]) == ["cpu", "flags", "cores", "load"]
    assert all(list(row) == ["work", "unit", "ours", "peers", "ratio", "note"] for row in found["rows"])
    assert all(row["ours"] > 0 for row in found["rows"])


def test_bench_says_what_is_measured_and_on_which_clock(console: Console) -> None:
    found = json.loads(console("bench", "start", "--rounds", "1", "--json").out)
    assert [(row["work"], row["unit"]) for row in found["rows"]] == [("second start (`--help`)", "ms wall")]
    loads = dict.fromkeys(("unix", "tcp", "quiet"), Load(1.0, 2.0, 1000, 10))
    loads |= {"quiet twice": Load(2.0, 4.0, 2000, 10), "often": Load(3.0, 4.0, 1000, 1010)}
    rows = {figure.work: figure for figure in figures(loads, 10)}
    door = f"replay, {bench_replay.USERS} users, unix"
    assert (rows[door].ours, rows[door].unit) == (1000.0, "candles/CPU s")
    assert (rows[f"{door}: wall clock"].ours, rows[f"{door}: wall clock"].unit) == (500.0, "candles/wall s")
    computed = next(figure for work, figure in rows.items() if "computed" in work)
    assert computed.unit == "candles/CPU s (computed)"


@pytest.mark.parametrize(
    ("data", "says"), [(None, "TRADEPOOL_DATA is not set"), ("/nowhere", "parquet does not exist")]
)
def test_the_long_series_says_whether_it_is_modelled(
    data: str | None, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TRADEPOOL_DATA", raising=False)
    if data is not None:
        monkeypatch.setenv("TRADEPOOL_DATA", data)
    monkeypatch.setattr(bench_long_series, "MODEL_BARS", 100)
    assert bench_long_series.long_series()[2] == "modelled"
    assert says in capsys.readouterr().err


def test_files_of_different_years_are_played_one_after_another(tmp_path: Path, console: Console) -> None:
    """Two markets of a day each, a thousand days apart: each keeps its own last day, and the books agree."""
    files = []
    for symbol, start_ms in (("AAA", 1_600_000_200_000), ("BBB", 1_690_000_200_000)):
        bars = model_bars([f"{symbol}/USDT"], 300_000, start_ms, 600, seed=3)[f"{symbol}/USDT"]
        files.append(tmp_path / f"BINANCE-{symbol}-USDT-5m.parquet")
        write_candles(files[-1], bars)
    ran = console("demo", "--candles", *files, "--users", "2", "--days", "1", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["candles"] == 2 * (DAY_BARS - 1)
    assert all(amount == "0" for user in told["users"] for amount in user["ledger_minus_venue"].values())


def nearly_full_disk() -> None:
    """No file may grow beyond 900 kB in this process: a write fails in mid-run, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, 900_000))


def test_a_disk_that_fills_up_is_told_without_a_trace() -> None:
    command = [sys.executable, "-m", "tradepool.entrypoints.cli", "demo", "--users", "2", "--days", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=nearly_full_disk)
    assert (done.returncode, done.stdout) == (1, "")
    # The banner and the progress; then one line, and nothing of the log.
    assert "Traceback" not in done.stderr
    *before, last = done.stderr.splitlines()
    assert [line for line in before if "database" in line] == []
    assert last.startswith("tradepool: The database ")
    assert "the disk is not full" in last


def test_the_example_runs_and_is_what_the_readme_shows(candles: Path, console: Console) -> None:
    file = ROOT / "examples" / "dip_buyer.py"
    assert file.read_text(encoding="utf-8") in (ROOT / "README.md").read_text(encoding="utf-8")
    arguments = [file, "--candles", candles, "--param", "oversold=45", "trend=50", "--json"]
    ran = console("backtest", *arguments)
    assert json.loads(ran.out)["trades"]
    assert ran.out == console("replay", *arguments).out
    assert "declared in" in console("strategies", "show", file).out


def test_help_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'polars', 'ccxt', 'llvmlite', 'sqlalchemy', 'pydantic', 'aiohttp'}"
    code = f"import sys, tradepool.entrypoints.cli as cli; cli.run(['--help']); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_end_from_outside_is_quiet_and_tidy(number: signal.Signals, code: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tradepool.entrypoints.cli", "demo", "--users", "1", "--speed", "100"]
    own = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=own) as process:
        assert process.stderr is not None
        said = [process.stderr.readline(), process.stderr.readline()]
        assert list(tmp_path.iterdir())
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert list(tmp_path.iterdir()) == []
    assert out == ""
    assert "PRACTICE" in said[0]
    assert "candles" in said[1]
    assert "Traceback" not in err
    assert "Unclosed" not in err


BOTH_SIDES = """
from tradepool.core.graph.expr import crosses_above, crosses_below
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.strategies.exits import stop_percent, targets_percent
from tradepool.core.strategies.strategy import Strategy


def strategy():
    up, down = crosses_above(ema(length=5), ema(length=13)), crosses_below(ema(length=5), ema(length=13))
    shorts = {{"enter_short": down, "exit_short": up}} if {shorts} else {{}}
    return Strategy("own", 1, up, down, stop_percent(1.0) + {exits}, **shorts)
"""


def test_a_strategy_that_shorts_is_backtested_as_on_a_perpetual_and_not_yet_replayed(
    candles: Path, console: Console, tmp_path: Path
) -> None:
    file = tmp_path / "own.py"
    file.write_text(BOTH_SIDES.format(shorts=True, exits="targets_percent(0.2, 0.4)"))
    ran = console("backtest", file, "--candles", candles, "--json")
    assert ran.out == console("backtest", file, "--candles", candles, "--json", "--runner", "reference").out
    found = json.loads(ran.out)
    assert found["markets"][0]["kind"] == "perpetual"
    assert found["markets"][0]["not_modelled"] == ["funding", "borrowing", "liquidation"]
    assert {trade["side"] for trade in found["trades"]} == {"buy", "sell"}
    assert {"target", "signal_exit"} <= {trade["exit_reason"] for trade in found["trades"]}
    assert found["fees"]["BTC"] == "0"
    for trade in found["trades"]:
        side = 1 if trade["side"] == "buy" else -1
        moved = side * (Decimal(trade["exit_price"]) - Decimal(trade["entry_price"])) * Decimal(trade["quantity"])
        # The price of an exit in parts is their average, rounded at 28 digits.
        assert abs(Decimal(trade["pnl"]) - moved + Decimal(trade["fees"]["USDT"])) < Decimal("1e-15")
    shown = console("backtest", file, "--candles", candles).out
    assert "held as on a perpetual; not counted: funding, borrowing, liquidation" in " ".join(shown.split())
    refused = console("replay", file, "--candles", candles)
    assert (refused.code, refused.out) == (1, "")
    assert "Strategy own uses shorts; it can be backtested and swept" in refused.err


def test_a_strategy_with_targets_is_replayed_with_the_trades_of_its_backtest(
    candles: Path, console: Console, tmp_path: Path
) -> None:
    file = tmp_path / "own.py"
    file.write_text(BOTH_SIDES.format(shorts=False, exits="targets_percent(0.3)"))
    found = json.loads(console("backtest", file, "--candles", candles, "--json").out)
    assert (found["markets"][0]["kind"], found["markets"][0]["not_modelled"]) == ("spot", [])
    assert "target" in {trade["exit_reason"] for trade in found["trades"]}
    replayed = json.loads(console("replay", file, "--candles", candles, "--json").out)
    assert (replayed["trades"], replayed["refusals"]) == (found["trades"], found["refusals"])


def named_in(page: str) -> set[str]:
    """The commands in the first cells of a page's tables, alternatives one by one."""
    found = set[str]()
    for line in re.findall(r"^\| `.*", page, re.MULTILINE):
        alone = list[str]()
        for chunk in re.findall(r"`([^`]+)`", re.split(r"(?<!\\)\|", line)[1]):
            first, *rest = chunk.replace("\\|", "/").split()
            if "/" in first:
                found |= {f"{group} {word}" for group in alone for word in first.split("/")}
            elif rest and re.fullmatch("[a-z/-]+", rest[0]):
                found |= {f"{first} {word}" for word in rest[0].split("/")}
            elif not first.startswith("-"):
                alone.append(first)
        found |= {*alone}
    return found


def test_the_readme_names_every_command_and_no_other() -> None:
    known = {command for command, _ in every_command()}
    groups = {command for command in known if any(other.startswith(f"{command} ") for other in known)}
    named = named_in((ROOT / "README.md").read_text(encoding="utf-8"))
    assert named - known == set()
    assert known - groups - named == {"test"}
