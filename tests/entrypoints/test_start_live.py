"""A live deployment as its operator sets it up and runs it, all by command: its books on a PostgreSQL server, nobody in the file,
real money's rungs, keys in the vault of which one is an Ed25519 pair, and `start` as a process.

Only the way to the venue leads elsewhere (`live_process`); the exchange's time passes twenty times as fast.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.live_process import venue_at
from tests.entrypoints.test_exchange_serve import control, served
from tests.entrypoints.test_start import Place, Said, until
from tests.postgres_kit import Postgres
from tests.whole.limit_cases import CHURN
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.place import Server
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.domain.deployment import Mode, Promotion
from tradepool.entrypoints.deployment import deployed_from
from tradepool.runtime.command_socket import NotDone

ROOT = Path(__file__).parents[2]
CONFIG = """\
[deployment]
id = "live0001"
kind = "live"
folder = "{folder}/d"
database = "{database}"
[log]
level = "info"
[venue]
timeframe = "1m"
symbols = ["BTC/USDT"]
[vault]
master_key = "{folder}/keys/master"
[candles]
folder = "{folder}/candles"
"""
HERE = {"permissions": {"addresses": ["127.0.0.1"]}}


class LivePlace(Place):
    """A live deployment in a folder, whose venue is served elsewhere, and its command line."""

    def __init__(self, folder: Path, exchange: Path, server: Server) -> None:
        self.folder, self._exchange, self.server = folder, exchange, server
        (folder / "churn.strategy").write_text(CHURN)
        self.config(CONFIG.format(folder=folder, database=server))

    def __call__(self, *arguments: object, typed: str = "") -> Said:
        with venue_at(self._exchange):
            return super().__call__(*arguments, typed=typed)

    def did(self, *arguments: object, typed: str = "") -> str:
        """What a command said that did it."""
        said = self(*arguments, typed=typed)
        assert said.returncode == 0, (arguments, said)
        return said.stdout

    def _command(self, arguments: tuple[object, ...]) -> list[str]:
        here = [sys.executable, "-m", "tests.entrypoints.live_process", str(self._exchange)]
        return [*here, *(str(argument) for argument in arguments)]

    @property
    def _at(self) -> dict[str, Any]:
        return {"cwd": self.folder, "env": os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("fx")
    with served("--speed", "20", "--users", "2", "--model", "BTC/USDT", "--folder", folder) as (_, printed):
        yield folder, printed


@pytest.fixture
def place(
    exchange: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[LivePlace]:
    """Nobody is in it yet."""
    server = postgres.empty()
    yield LivePlace(tmp_path_factory.mktemp("p"), exchange[0], server)
    postgres.drop(server)


def add(place: LivePlace, user: str) -> None:
    """A person with an account and a mandate, as the guide says it."""
    place.did("users", "add", user)
    place.did("accounts", "add", user)
    terms = ("--strategy", "churn.strategy", "--capital", "5000", "--limit", "daily_loss_max=none")
    place.did("mandates", "add", user, *terms)


def let_trade(place: LivePlace) -> None:
    """All have stood on every rung: what that takes is asked in test_rungs."""
    deployed = deployed_from(place.folder / "tradepool.toml")
    connection = open_store(deployed.database)
    for seat in deployed.seats:
        DatabasePromotions(connection).promote(
            Promotion(
                time_ms=1, by="test", mandate=seat.mandate.id, strategy_id=seat.mandate.strategy_id,
                before=Mode.CANARY, after=Mode.LIVE, reason="it did well",
            )
        )  # fmt: skip
    dispose(connection)


def holds(place: LivePlace, account: str, *, held: bool = False) -> bool:
    """Whether it has a position, by the trading process; `held` is what is said where it can't tell."""
    try:
        return any(each.startswith(account) for each in place.positions())
    except NotDone:
        # Of a server that was restarted just then.
        return held


def orders_of(printed: str, account: str) -> list[Any]:
    """All that the venue ever took of an account."""
    found: list[Any] = control(printed, "/state")["accounts"][account]["orders"]
    return found


def test_added_by_command_with_keys_in_the_vault_it_trades_from_a_server(
    place: LivePlace, exchange: tuple[Path, str], postgres: Postgres, long: bool
) -> None:
    """The long form kills it and starts it again before anything else."""
    _, printed = exchange
    first, second, *_ = control(printed, "/state")["accounts"]
    place.did("keys", "master")
    for user in ("ann", "cem"):
        add(place, user)
    # A secret for ann, a pair that is made here for cem.
    control(printed, "/keys", {"account": first, "key": "anns", "secret": "anns secret", **HERE})
    (place.folder / "key").write_text("anns\nanns secret\n")
    (place.folder / "key").chmod(0o600)
    assert "is kept" in place.did("keys", "add", "ann-1", "--file", "key")
    waiting = place("keys", "add", "cem-1", "--ed25519")
    assert "the pair waits in the vault" in waiting.stderr
    pem = waiting.stdout[waiting.stdout.index("-----BEGIN") :]
    control(printed, "/keys", {"account": second, "key": "cems", "public_key": pem, **HERE})
    assert "is kept" in place.did("keys", "add", "cem-1", "--ed25519", typed="cems\n")
    let_trade(place)
    if long:
        with place.trading() as killed:
            until(lambda: holds(place, "ann-1") and holds(place, "cem-1"))
            killed.send_signal(signal.SIGKILL)
    with place.trading() as process:
        until(place.all_up)
        code, found = place.status()
        assert (code, found["kind"], found["venue_differences"], found["unprotected"]) == (0, "live", 0, 0), found
        until(lambda: holds(place, "ann-1") and holds(place, "cem-1"))
        # Between two of his positions he may have none.
        (row,) = until(lambda: json.loads(place.did("positions", "--json", "--as", "cem"))["positions"])
        assert row["account"] == "cem-1"
        # A server that was restarted: the sealed process finds it again.
        postgres.cut_off(place.server)
        orders = len(orders_of(printed, second))
        assert "entries of ann are halted" in place.did("keys", "burn", "ann-1", "--reason", "seen", typed="ann\n")
        until(lambda: not holds(place, "ann-1", held=True))
        until(lambda: len(orders_of(printed, second)) > orders and holds(place, "cem-1"))
        assert not holds(place, "ann-1")
        place.did("stop")
        assert process.wait(timeout=60) == 0
    assert json.loads(place.did("store", "verify", "--json"))["faults"] == []
    (key,) = json.loads(place.did("keys", "list", "--json"))["keys"]
    assert (key["account"], key["refused"]) == ("cem-1", "")
