"""`exchange serve` as its users meet it: a process, the printed program run as it was printed, Ctrl-C, and mistakes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.entrypoints.console import Console
from tests.simexchange.exchange_kit import bars, flat, market
from tradepool.core.market.bars import Bars
from tradepool.entrypoints.exchange import AskedExchange, as_if_now, serve_plan
from tradepool.entrypoints.exchange_run import PacedClock
from tradepool.presentation.exchange_guide import Status, status_line
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.records import Side
from tradepool.simexchange.rules import BINANCE_RULES, DEFAULT_RULES

NOW_MS = 1_800_000_012_345


@contextmanager
def served(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that serves, and everything it printed when it opened; it is ended by Ctrl-C, with exit code 0."""
    flags = ["--port", "0", *(str(argument) for argument in arguments)]
    command = [sys.executable, "-m", "tradepool.entrypoints.cli", "exchange", "serve", *flags]
    path = os.pathsep.join((str(Path("src").resolve()), os.environ.get("PYTHONPATH", "")))
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}, **pipes) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        try:
            printed = ""
            for line in child.stdout:
                printed += line
                if "Ctrl-C ends the exchange" in line:
                    break
            yield child, printed
            child.send_signal(signal.SIGINT)
            rest, said = child.communicate(timeout=60)
            assert (child.returncode, said) == (0, ""), said
            assert "The exchange is closed." in rest
        finally:
            child.kill()


def program(printed: str, name: str) -> str:
    """A program, letter for letter as it was printed."""
    return printed.partition(f"--- {name} ---\n")[2].partition(f"--- end of {name} ---")[0]


def control(printed: str, route: str, body: object = None) -> Any:
    """Ask the control door."""
    found = re.search(r"control\s+(http://127\.0\.0\.1:\d+)", printed)
    token = re.search(r"token\s+([0-9a-f]{32})", printed)
    assert found is not None
    assert token is not None
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(found[1] + route, data, {"X-Control-Token": token[1]})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


def test_the_control_door_is_the_operators_alone(tmp_path: Path) -> None:
    """Nobody without the token, no page in a browser, and nobody moves a time that passes by itself."""
    with served("--folder", tmp_path) as (_, printed):
        url = re.search(r"control\s+(http://127\.0\.0\.1:\d+)", printed)
        token = re.search(r"token\s+([0-9a-f]{32})", printed)
        assert url is not None
        assert token is not None
        mine = {"X-Control-Token": token[1]}
        for route, headers in (
            ("/state", {}),
            ("/state", {"X-Control-Token": "0" * 32}),
            ("/state", {"X-Control-Token": "\xe9" * 32}),
            ("/state", mine | {"Origin": "http://evil.example"}),
            ("/step", mine),
        ):
            data = b"" if route == "/step" else None
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(urllib.request.Request(url[1] + route, data, headers), timeout=60)


@pytest.mark.parametrize("flags", [(), ("--speed", "20", "--limits", "binance", "--users", "3")])
def test_the_printed_program_trades(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """The unmodified ccxt, over TCP and TLS, in a process of its own."""
    with served("--model", "XRP/USDT", "--folder", tmp_path / "fx", *flags) as (_, printed):
        code = program(printed, "client.py")
        assert code == (tmp_path / "fx" / "client.py").read_text()
        assert program(printed, "client.mjs") == (tmp_path / "fx" / "client.mjs").read_text()
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr
        assert "bought" in ran.stdout
        assert "closed" in ran.stdout
        accounts = control(printed, "/state")["accounts"]
        assert [len(account["orders"]) for account in accounts.values()][:2] == [1, 0]
        assert control(printed, "/faults", {"kind": "too_many"}) == {"numbers": [1]}
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert "DDoSProtection" in ran.stderr
        assert control(printed, "/faults")[0]["struck"]
    assert "PRACTICE" in printed
    lasts = "4.5 days" if "20" in flags else "89.3 days"
    assert f"UTC, in {lasts} from now; then it closes" in printed


def test_a_recorded_file_and_a_scenario(candles: Path) -> None:
    with served("--candles", candles, "--scenario", "key-trouble") as (_, printed):
        assert "candles of 5m" in printed
        assert "scenario key-trouble" in printed
        kinds = [row["fault"]["kind"] for row in control(printed, "/faults")]
        assert kinds == ["key", "key", "key"]


def test_candles_are_moved_to_now_with_history_behind_them() -> None:
    asked = AskedExchange(model=["BTC/USDT"], seed=1)
    plan = serve_plan(asked, NOW_MS)
    (listed,) = plan.venue.markets
    assert plan.venue.now_ms == NOW_MS
    assert listed.published == 1_000
    assert int(listed.open_time[listed.published]) <= NOW_MS < int(listed.open_time[listed.published]) + 60_000
    assert plan.venue.markets[0].price is not None


def test_a_venue_is_as_strict_and_as_deep_as_binance_unless_told_otherwise() -> None:
    (listed,) = serve_plan(AskedExchange(model=["BTC/USDT"]), NOW_MS).venue.markets
    assert listed.filters.rules == BINANCE_RULES
    bid, ask = listed.liquidity.best(Side.BUY)[0], listed.liquidity.best(Side.SELL)[0]
    assert 0 < (ask - bid) / bid < 0.000_2
    assert len(listed.liquidity.levels(Side.SELL, 100)) == 20
    asked = AskedExchange(model=["BTC/USDT"], rules="none", spread_bp=50, level_notional="100")
    (listed,) = serve_plan(asked, NOW_MS).venue.markets
    assert listed.filters.rules == DEFAULT_RULES
    bid, (ask, steps) = listed.liquidity.best(Side.BUY)[0], listed.liquidity.best(Side.SELL)
    assert 0.004_9 < (ask - bid) / bid < 0.005_1
    assert listed.market.notional(ask, steps + 1) >= 50
    assert listed.market.notional(ask, steps) <= 150
    (listed,) = serve_plan(AskedExchange(model=["BTC/USDT"], level_notional="endless"), NOW_MS).venue.markets
    assert not listed.liquidity.finite


def test_markets_move_together_and_stay_on_their_grid() -> None:
    one = Listing(market(), bars(flat(100)))
    later: Bars = bars(flat(100), times=list(range(20, 120)))
    moved = as_if_now([one, Listing(market("ETH"), later)], NOW_MS)
    starts = [int(each.bars.open_time[0]) for each in moved]
    assert starts[1] - starts[0] == 20 * 60_000
    assert all(bool((each.bars.open_time % 60_000 == 0).all()) for each in moved)
    assert np.diff(moved[0].bars.open_time).tolist() == [60_000] * 99


def test_time_passes_as_fast_as_asked() -> None:
    real = VirtualClock(5_000)
    clock = PacedClock(real, 1_000_000, 10.0)

    async def story() -> None:
        nap = asyncio.create_task(clock.sleep(30))
        await asyncio.sleep(0)
        assert real.next_wake_ms() == 8_000
        real.advance_to(8_000)
        await nap

    asyncio.run(story())
    assert clock.now_ms() == 1_030_000


def test_the_status_line_says_how_it_goes() -> None:
    now = Status(
        time_ms=NOW_MS, symbol="BTC/USDT", price="60000.01", requests=1_234, weight=87, connections=3, faults=5
    )
    words = ("BTC/USDT 60000.01", "requests 1,234", "weight 87", "connections 3", "faults 5")
    assert all(word in status_line(now).plain for word in words)
    assert "weight" not in status_line(replace(now, weight=None)).plain


def test_a_port_that_is_taken_is_one_line(console: Console) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = console("exchange", "serve", "--port", port)
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"tradepool: Somebody else listens on 127.0.0.1:{port} already; stop that process or choose another place.\n"
    )


def test_mistakes_are_one_line(console: Console, tmp_path: Path) -> None:
    broken = tmp_path / "BINANCE-BTC-USDT-5m.parquet"
    broken.write_bytes(b"no candles")
    scenario = tmp_path / "own.toml"
    scenario.write_text('name = "own"\n[[faults]]\nkind = "reset"\nshares = 0.5\n')
    for flags, word in (
        (("--candles", broken), "BINANCE-BTC-USDT-5m.parquet"),
        (("--scenario", scenario), "own.toml, line 4: reset: no word is called 'shares'; did you mean share?"),
        (
            ("--scenario", "strom"),
            "Scenario strom: there is no such file; no scenario is called 'strom'; did you mean storm?",
        ),
        (("--mirror", "kraken"), "--mirror cannot be 'kraken'; give binance"),
        (("--mirror", "binance", "--symbols", "BTCUSDT"), "'BTCUSDT' is not a symbol like BTC/USDT"),
        (("--mirror", "binance", "--speed", "2"), "--speed cannot be '2'; give 1 with --mirror"),
        (("--symbols", "BTC/USDT"), "--symbols cannot be given; give it with --mirror only"),
        (("--mirror", "binance", "--model", "BTC/USDT"), "Prices come from one source"),
        (("--model", "BTCUSDT"), "is not a symbol like BTC/USDT"),
        (("--model", "BTC/USDT/X"), "'BTC/USDT/X' is not a symbol like BTC/USDT"),
        (("--model", "BTC/BTC"), "'BTC/BTC' is not a symbol like BTC/USDT"),
        (("--model", "b t/USDT"), "'b t/USDT' is not a symbol like BTC/USDT"),
        (("--speed", "0"), "--speed cannot be '0'"),
        (("--speed", "1e-300"), "--speed cannot be '1e-300'; give a number from 0.01 to 100"),
        (("--limits", "kraken"), "--limits cannot be 'kraken'; give none or binance"),
        (("--rules", "kraken"), "--rules cannot be 'kraken'; give binance or none"),
        (("--spread-bp", "-1"), "--spread-bp cannot be -1"),
        (("--level-notional", "endless", "--spread-bp", "5"), "give --slippage-bp where the book is endless"),
        (("--level-notional", "0"), "--level-notional cannot be '0'; give an amount of quote from 1"),
        (("--level-notional", "NaN"), "--level-notional cannot be NaN"),
        (("--mirror", "binance", "--rules", "none"), "--rules cannot be 'none'; give it without --mirror"),
        (("--users", "0"), "--users cannot be 0"),
        (("--port", "99999"), "--port cannot be 99999"),
    ):
        said = console("exchange", "serve", *flags)
        assert (said.code, said.out) == (1, ""), flags
        assert word in said.err
        assert said.err.count("\n") == 1
