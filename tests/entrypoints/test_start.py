"""A deployment as its operator meets it: processes, signals and typed names, against an exchange that is served.

The exchange's time passes twenty times as fast. Nothing here waits for a fixed time, only for what has to come.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

from tests.entrypoints.test_exchange_serve import served
from tests.postgres_kit import Postgres
from tests.whole.limit_cases import CHURN
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.domain.deployment import Deployment, Kind
from tradepool.entrypoints import cli
from tradepool.entrypoints.standing import STARTING
from tradepool.runtime.command_socket import ask

TRIES = 200


class Said(NamedTuple):
    """What a command answered."""

    returncode: int
    stdout: str
    stderr: str


class Place:
    """A deployment in a folder, and its command line."""

    def __init__(self, folder: Path, exchange: Path) -> None:
        self.folder = folder
        (folder / "churn.strategy").write_text(CHURN)
        assert self("init", "--yes", "--folder", folder / "d").returncode == 0
        text = (folder / "tradepool.toml").read_text()
        text = re.sub(r'strategy = "\w+"', 'strategy = "churn.strategy"', text)
        self.config(re.sub(r"# exchange = .*", f'exchange = "{exchange}"', text))

    def config(self, text: str) -> None:
        (self.folder / "tradepool.toml").write_text(text)

    @property
    def text(self) -> str:
        return (self.folder / "tradepool.toml").read_text()

    @property
    def id(self) -> str:
        found = re.search(r'^id = "(\w{8})"', self.text, re.MULTILINE)
        assert found is not None
        return found[1]

    def __call__(self, *arguments: object, typed: str = "") -> Said:
        """Run one command in this process, which saves it the imports, with something typed at its prompt."""
        out, err, disabled = io.StringIO(), io.StringIO(), logging.root.manager.disable
        said = redirect_stdout(out), redirect_stderr(err), mock.patch("sys.stdin", io.StringIO(typed))
        with ExitStack() as stack:
            for each in (chdir(self.folder), *said):
                stack.enter_context(each)
            stack.callback(logging.disable, disabled)
            code = cli.run([str(argument) for argument in arguments])
        return Said(code, out.getvalue(), err.getvalue())

    def apart(self, *arguments: object, typed: str = "") -> Said:
        """Run one command in a process of its own, as its operator does."""
        ran = subprocess.run(
            self._command(arguments), capture_output=True, text=True, timeout=120, check=False, input=typed, **self._at
        )
        return Said(ran.returncode, ran.stdout, ran.stderr)

    def _command(self, arguments: tuple[object, ...]) -> list[str]:
        return [sys.executable, "-m", "tradepool.entrypoints.cli", *(str(argument) for argument in arguments)]

    @property
    def _at(self) -> dict[str, Any]:
        path = os.pathsep.join((str(Path("src").resolve()), os.environ.get("PYTHONPATH", "")))
        return {"cwd": self.folder, "env": os.environ | {"PYTHONPATH": path}}

    @contextmanager
    def trading(self) -> Iterator[subprocess.Popen[str]]:
        """A trading process that has started; killed at the end if it still runs."""
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(self._command(("start",)), **pipes, **self._at) as child:
            try:
                assert child.stderr is not None
                said = ""
                for line in child.stderr:
                    said += line
                    if "trading  " in line:
                        break
                else:
                    raise AssertionError(said)
                yield child
            finally:
                child.kill()

    def status(self) -> tuple[int, dict[str, Any]]:
        """Exit code, and what --json said."""
        said = self("status", "--json")
        return said.returncode, json.loads(said.stdout)

    def _accounts(self) -> list[dict[str, Any]]:
        told = ask(self.folder / "d" / "control.sock", {"do": "status"}, 30)
        return list(json.loads(told or "{}")["accounts"])

    def positions(self) -> list[str]:
        """What is held."""
        return [f"{row['account']} {market}" for row in self._accounts() for market in row["positions"]]

    def all_up(self) -> bool:
        """Whether nobody is being started any more, which is a worry for as long as it takes."""
        return not any(STARTING in (row["stopped"], row["why"]) for row in self._accounts())


def until(found: Callable[[], Any]) -> Any:
    """What comes at last; each look asks a process, which takes its time."""
    for _ in range(TRIES):
        if result := found():
            return result
        subprocess.run(["sleep", "0.1"], check=True)
    raise AssertionError("it never came")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An exchange at twenty times the machine's pace, by its folder."""
    folder = tmp_path_factory.mktemp("fx")
    with served("--speed", "20", "--folder", folder):
        yield folder


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, exchange: Path) -> Place:
    """A deployment on it, with its books in a file or, where the test asks for it, on a server; the path is short enough for
    a socket."""
    made = Place(tmp_path_factory.mktemp("p"), exchange)
    if getattr(request, "param", "sqlite") == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        made.config(made.text.replace("[deployment]\n", f'[deployment]\ndatabase = "{server.empty()}"\n'))
    return made


def resting(exchange: Path, place: Place) -> dict[str, Decimal]:
    """At the venue, by market: what stops rest for, less what is held (locked or free) in whole steps; of all accounts."""
    door = json.loads((exchange / "exchange.json").read_text())
    url, token = f"http://127.0.0.1:{door['control_port']}/state", {"X-Control-Token": door["token"]}
    with urllib.request.urlopen(urllib.request.Request(url, headers=token), timeout=60) as answer:
        accounts = json.load(answer)["accounts"]
    mark, found = f"o{place.id[:3]}", dict[str, Decimal]()
    for account in accounts.values():
        ours = [order for order in account["orders"] if order["client_id"].startswith(mark)]
        for order in ours:
            if order["type"] == "STOP_LOSS" and order["status"] == "NEW":
                found[order["symbol"]] = found.get(order["symbol"], Decimal(0)) + Decimal(order["quantity"])
    return found


@pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)
def test_killed_and_started_again_it_is_safe_and_goes_on(place: Place, exchange: Path) -> None:
    with place.trading() as first:
        until(place.positions)
        again = place.apart("start")
        assert (again.returncode, again.stderr.count("\n")) == (1, 1)
        assert f"by process {first.pid}" in again.stderr
        first.send_signal(signal.SIGKILL)
    code, found = place.status()
    # Nobody trails, leaves or makes a stop anew: only where nothing is held is that no worry.
    left = [market for row in found["accounts"] for market in row["positions"]]
    assert (code, found["process"], found["safe"]) == (int(bool(left)), "died", not left), found
    assert not left or found["worries"][0].startswith("the trading process has died and nobody trades"), found
    with place.trading() as second:
        until(place.all_up)
        code, found = place.status()
        assert (code, found["process"], found["unprotected"], found["unknown_orders"]) == (0, "trading", 0, 0), found
        assert found["venue_differences"] == 0
        assert 0 <= found["data_age_s"] <= found["data_age_max_s"]
        until(place.positions)
        second.send_signal(signal.SIGTERM)
        assert second.wait(timeout=60) == 0
    # What was held when it was told to stop is still held, and its stop rests.
    code, found = place.status()
    assert (code, found["process"]) == (0, "stopped"), found
    held = sum(len(row["positions"]) for row in found["accounts"])
    assert bool(resting(exchange, place)) == bool(held)
    assert not (place.folder / "d" / "control.sock").exists()
    said = place("status")
    assert said.stdout.startswith("SAFE")
    text = place.text.replace('symbols = ["BTC/USDT"', 'symbols = ["XRP/USDT", "BTC/USDT"')
    place.config(re.sub(r"markets = .*", 'markets = ["XRP/USDT"]', text))
    said = place.apart("start")
    assert (said.returncode, "which it names no more" in said.stderr) == (1, True)


def test_a_halt_holds_over_restarts_until_a_person_lifts_it(place: Place) -> None:
    wrong = place("halt", "--all", "--reason", "x", typed="no\n")
    assert (wrong.returncode, f"'no' is not {place.id}" in wrong.stderr) == (1, True)
    assert "no reason" in place("halt", "--all", typed=f"{place.id}\n").stderr
    assert "did you mean ann?" in place("halt", "--user", "an", "--reason", "x").stderr
    assert "traded: BTC/USDT" in place("halt", "--market", "BTC/USD", "--reason", "x").stderr
    assert "0 scopes are given" in place("halt", "--reason", "x").stderr
    with place.trading() as process:
        until(place.positions)
        said = place("flatten", "--user", "ann", "--reason", "ann asked", typed="ann\n")
        assert said.returncode == 0, said.stderr
        assert "user ann is flat and halted" in said.stdout
        until(lambda: any(each.startswith("ben-main") for each in place.positions()))
        assert not any(each.startswith("ann-main") for each in place.positions())
        said = place("flatten", "--all", "--reason", "odd", typed=f"{place.id}\n")
        assert said.returncode == 0, said.stderr
        assert place.positions() == []
        assert place("stop").returncode == 0
        assert process.wait(timeout=60) == 0
    assert place("stop").returncode == 1
    with place.trading():
        reasons = [row["reason"] for row in place.status()[1]["halts"]]
        assert sorted(reasons) == ["ann asked", "odd"]
        assert "in force" in place("halt", "--market", "BTC/USDT", "--reason", "thin", typed="BTC/USDT\n").stdout
        said = place("resume", "--all", "--reason", "fine", typed=f"{place.id}\n")
        assert "still halted: market binance:BTC/USDT, user ann" in said.stdout
        held = until(place.positions)
        assert held == ["ben-main binance:ETH/USDT"]
    connection = open_store(place.folder / "d" / "tradepool.sqlite")
    rows = DatabaseDeployment(connection, Deployment(id=place.id, kind=Kind.PRACTICE))
    # What the file says, once: the second start found the same.
    assert sorted(deed.scope.partition(":")[0] for deed in rows.deeds("configuration")) == [
        f"{section}.{name}"
        for section, end in (("accounts", "-main"), ("mandates", "-first"), ("users", ""))
        for name in (f"ann{end}", f"ben{end}")
    ]
    assert [deed.what for deed in rows.deeds() if deed.what not in ("start", "stop", "configuration")] == [
        "flatten",
        "flatten",
        "halt",
        "resume",
    ]
    dispose(connection)


def test_while_it_hangs_commands_work_and_it_trades_no_more_when_it_wakes(place: Place, exchange: Path) -> None:
    with place.trading() as hanging:
        until(place.positions)
        hanging.send_signal(signal.SIGSTOP)
        code, found = place.status()
        assert (code, found["process"], found["unprotected"]) == (1, "hangs", 0)
        assert "does not answer" in found["worries"][0]
        said = place("halt", "--user", "ben", "--reason", "it hangs", typed="ben\n")
        assert "finds it when it wakes" in said.stdout
        said = place.apart("flatten", "--all", "--reason", "it hangs", typed=f"{place.id}\n")
        assert (said.returncode, "by own hands" in said.stdout) == (0, True), said.stderr
        assert resting(exchange, place) == {}
        code, found = place.status()
        assert [row["positions"] for row in found["accounts"]] == [[], []]
        hanging.send_signal(signal.SIGCONT)
        assert hanging.wait(timeout=60) == 1
        assert hanging.stderr is not None
        assert "Instance 1 has taken this deployment over; this one, 0, trades no more" in hanging.stderr.read()
    with place.trading():
        until(place.all_up)
        code, found = place.status()
        assert (code, found["safe"], found["process"]) == (0, True, "trading"), found
        assert resting(exchange, place) == {}
        said = place("resume", "--all", "--reason", "fine", typed=f"{place.id}\n")
        until(place.positions)


def test_a_configuration_pointed_at_anothers_database_is_refused(place: Place) -> None:
    text, other = place.text, "zzzzzzzz"
    place("halt", "--all", "--reason", "x", typed=f"{place.id}\n")
    for changed in (text.replace(place.id, other), live(text)):
        place.config(changed)
        for command in ("start", "status"):
            said = place.apart(command) if command == "start" else place(command)
            assert (said.returncode, said.stdout) == (1, "")
            assert "belongs to the practice deployment" in said.stderr.splitlines()[-1]
        place.config(text)


def live(text: str) -> str:
    """The same configuration, for real money."""
    return text.replace('kind = "practice"', 'kind = "live"').replace('mode = "practice"', 'mode = "shadow"')


def test_what_is_missing_is_said_in_one_line(place: Place) -> None:
    text = place.text
    for changed, words in (
        (text.replace("active = true", "active = false"), "No mandate in tradepool.toml is active"),
        (re.sub(r'exchange = ".*"', 'exchange = "nowhere"', text), "nobody serves there"),
        (re.sub(r'folder = ".*"', f'folder = "{place.folder}/{"x" * 100}"', text, count=1), "too long for a socket"),
        (live(text), "There is no key for account ann-main"),
    ):
        place.config(changed)
        said = place.apart("start")
        assert (said.returncode, said.stdout) == (1, "")
        assert words in said.stderr.splitlines()[-1]


def test_without_an_exchange_it_starts_one_that_outlives_it(place: Place) -> None:
    place.config(re.sub(r'exchange = ".*"\n', "", place.text))
    with place.trading() as process:
        assert place("stop").returncode == 0
        assert process.wait(timeout=60) == 0
    assert place.status()[1]["process"] == "stopped"
    place("halt", "--user", "ann", "--reason", "kept", typed="ann\n")
    ended = place("stop", "--exchange")
    assert "its play money" in ended.stdout, ended.stderr
    until(lambda: not (place.folder / "d" / "exchange" / "exchange.json").exists())
    code, found = place.status()
    assert (code, found["accounts"][0]["difference"]) == (1, None)
    assert "it is not running" in found["worries"][0]
    with place.trading():
        assert len(list((place.folder / "d").glob("tradepool-*.sqlite"))) == 1
        assert [row["reason"] for row in place.status()[1]["halts"]] == ["kept"]
    assert place("stop", "--exchange").returncode == 0


def test_positions_are_steered_by_hand_and_the_day_is_explained(place: Place, exchange: Path) -> None:
    place.config(re.sub(r"markets = .*", 'markets = ["BTC/USDT"]', place.text))
    with place.trading() as process:
        until(place.positions)
        (first, *_) = json.loads(place("positions", "list", "--json").stdout)["positions"]
        user = first["user"]
        assert place("positions").stdout.startswith("id")
        several = place("positions", "close", "ETH/USDT", "--reason", "x")
        assert "there is no open position 'ETH/USDT' (open: " in several.stderr
        # Its strategy may close it at any candle: then another one is asked for.
        said = until(lambda: closed_in_part(place, user))
        assert re.match(r"sold [\d.]+ BTC; [\d.]+ are left, protected", said.stdout), said
        refused = until(lambda: cancelled_stop(place))
        assert (refused.returncode, "it protects a position" in refused.stderr) == (1, True), refused
        until(place.positions)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    left = json.loads(place("positions", "--json").stdout)["positions"]
    for row in left:
        # Nobody trades: the account is taken over for as long as it takes.
        released = place("positions", "release", row["id"], "--reason", "mine", typed=f"{row['id']}\n")
        assert (released.returncode, "they are yours" in released.stdout) == (0, True), released
    assert resting(exchange, place) == {}
    deeds = [row["what"] for row in json.loads(place("audit", "show", "--last", "0", "--json").stdout)["deeds"]]
    assert ({"close", "cancel"} <= set(deeds), deeds.count("release")) == (True, len(left)), deeds
    code, found = place.status()
    assert (code, found["venue_differences"]) == (0, 0), found
    # Until the candle of the last entry has closed, there is nothing to compare it with.
    until(lambda: entries_explained(place, user))
    reasons = {row["reason"] for row in json.loads(place("trades", "--last", "500", "--json").stdout)["trades"]}
    assert ("released" in reasons) == bool(left)
    told = entries_explained(place, user)
    assert told is not None
    (mandate,) = told["mandates"]
    causes = {row["cause"] for row in mandate["differences"]}
    assert mandate["note"] == ""
    assert "unexplained" not in causes, json.dumps(mandate, indent=1)
    assert "manual" in causes or not left
    assert "slippage" in causes
    assert "beside a backtest" in place("explain", user, "--day", found["time"][:10]).stdout
    assert "is no day" in place("explain", user, "--day", "yesterday").stderr


def entries_explained(place: Place, user: str) -> dict[str, Any] | None:
    """The day's explanation; None while no entry is in it."""
    day = place.status()[1]["time"][:10]
    said = place("explain", user, "--day", day, "--json")
    assert said.returncode == 0, said
    told: dict[str, Any] = json.loads(said.stdout)
    return told if told["mandates"][0]["entries"] else None


def cancelled_stop(place: Place) -> Said | None:
    """What is said to who takes a stop off; None where none rests, or it has just been sold by."""
    orders = json.loads(place("orders", "--json").stdout or '{"orders": []}')["orders"]
    name = next((row["id"] for row in orders if row["type"] == "stop_loss"), "none")
    said = place("orders", "cancel", name, "--reason", "x", typed=f"{name}\n")
    return None if "there is no open order" in said.stderr else said


def closed_in_part(place: Place, user: str) -> Said | None:
    """Half of what a user holds is sold; None where there is nothing (any more)."""
    rows = [row for row in json.loads(place("positions", "--json").stdout)["positions"] if row["user"] == user]
    name = rows[0]["id"] if rows else "none"
    said = place("positions", "close", name, "--share", "0.5", "--reason", "nervous", typed=f"{name}\n")
    return said if said.returncode == 0 else None
