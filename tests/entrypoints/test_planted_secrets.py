"""Fifty-odd planted secrets, a live trading process that meets every kind of trouble and crashes, and a search for each of
them: in the data folder, logs, backups, and the environments and command lines of processes."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import text

from tests.entrypoints.console import Console, console_of
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.secrets import DatabaseSecrets
from tradepool.adapters.vault.envelope import unwrapped
from tradepool.domain.deployment import Mode, Promotion
from tradepool.domain.ids import AccountId, UserId
from tradepool.entrypoints import key_vault
from tradepool.entrypoints.deployment import Deployed, deployed_from

ROOT = Path(__file__).parents[2]
VARIABLE = "PLANTED_MASTER"
HMACS = [f"a{number:02}" for number in range(1, 22)]
PAIRS = [f"e{number:02}" for number in range(1, 5)]
DAMAGED = "a13"
HEAD = """
[deployment]
id = "planted1"
kind = "live"
folder = "{folder}/d"
[log]
level = "debug"
style = "json"
[vault]
master_key = "{folder}/keys/master"
master_key_env = "{variable}"
[venue]
id = "binance"
timeframe = "1m"
"""
ONE = """
[users.{name}]
[accounts.{name}]
user = "{name}"
[mandates.{name}]
account = "{name}"
strategy = "moving_average_cross"
markets = ["BTC/USDT"]
capital = 5000
weight = 0.45
mode = "live"
"""


@dataclass(frozen=True)
class Planted:
    """A secret, and each way in which its bytes may be written."""

    name: str
    forms: tuple[bytes, ...]


def planted(name: str, secret: bytes) -> Planted:
    """A secret as it is, in base64 and in hex."""
    return Planted(name, (secret, base64.b64encode(secret).rstrip(b"=")[:-1], secret.hex().encode()))


def found(all_planted: list[Planted], places: Iterator[tuple[str, bytes]]) -> set[tuple[str, str]]:
    """Which secrets are where."""
    return {
        (each.name, place) for place, held in places for each in all_planted if any(form in held for form in each.forms)
    }


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a folder, and below, but for the one of the master key."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.parent.name != "keys":
            yield str(path.relative_to(folder)), path.read_bytes()


def processes(child: int) -> Iterator[tuple[str, bytes]]:
    """The command lines and environments of all processes that this one may look into."""
    for pid in [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]:
        try:
            yield f"command line of {pid}", Path(f"/proc/{pid}/cmdline").read_bytes()
            # The file of a process that allows no core dump is the administrator's: others get nothing at all.
            for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                name = "trading process" if pid == child else str(pid)
                yield f"{variable.partition(b'=')[0].decode(errors='replace')} of {name}", variable
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Console:
    """The command line."""
    return console_of(capsys)


def plant(deployed: Deployed) -> list[Planted]:
    """Keys of all accounts in the vault, on the last rung; one of them is damaged afterwards."""
    rows, chance = list[Planted](), random.Random(50)
    with key_vault.vault_of(deployed) as (vault, *_):
        for name in [*HMACS, *PAIRS]:
            key, secret = (base64.urlsafe_b64encode(chance.randbytes(48)).decode() for _ in range(2))
            if name in PAIRS:
                private = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
                raw = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
                secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
                half = planted(f"private half of {name}", raw)
                rows.append(Planted(half.name, (*half.forms, secret.splitlines()[1].encode())))
            else:
                rows.append(planted(f"secret of {name}", secret.encode()))
            rows.append(planted(f"key of {name}", key.encode()))
            vault.put(UserId(name), AccountId(name), {"key": key, "secret": secret})
    master = key_vault.master_of(deployed)
    rows.append(planted("master key", master.secret))
    connection = open_store(deployed.database)
    for held in DatabaseSecrets(connection).data_keys():
        rows.append(planted(f"data key of {held.user}", unwrapped(held, master)))
    for seat in deployed.seats:
        DatabasePromotions(connection).promote(
            Promotion(
                time_ms=1, by="test", mandate=seat.mandate.id, strategy_id=seat.mandate.strategy_id,
                before=Mode.CANARY, after=Mode.LIVE, reason="planted",
            )
        )  # fmt: skip
    connection.execute(text(f"update secret set version = 9 where account = '{DAMAGED}'"))
    connection.commit()
    dispose(connection)
    return rows


def test_no_planted_secret_is_anywhere_through_trouble_and_a_crash(
    tmp_path: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the variable in which the operator himself hands the master key over."""
    monkeypatch.chdir(tmp_path)
    heads = [HEAD.format(folder=tmp_path, variable=VARIABLE), *(ONE.format(name=each) for each in [*HMACS, *PAIRS])]
    (tmp_path / "tradepool.toml").write_text("".join(heads))
    deployed = deployed_from(None)
    key_vault.make_master(deployed)
    rows = plant(deployed)
    # A key alone opens nothing: it is looked for, and not counted.
    assert sum(not row.name.startswith("key of") for row in rows) >= 50
    assert run("keys", "rotate", "--user", "a01").code == 0
    for commands in (("keys", "list"), ("store", "backup", str(tmp_path / "backup"), "--plain"), ("config", "show")):
        said = run(*commands)
        (tmp_path / f"said-{commands[0]}").write_text(said.out + said.err)
        assert said.code == 0, said.err
    master = (tmp_path / "keys" / "master").read_text().strip()
    (halted, orders), died = traded(tmp_path, {VARIABLE: master}, rows)
    assert found(rows, files_of(tmp_path)) == set()
    log = (tmp_path / "log").read_text()
    # It did meet it all.
    assert died < 0
    assert orders > len(HMACS)
    refused = {name for name, why in halted.items() if why in ("KeyRefused", "KeyTooStrong", "KeyTooWeak")}
    assert refused >= {"a09", "a10", "e01", "e02"}, halted
    assert halted[DAMAGED] == "SecretDamaged"
    for word in ("poisoned GET", "RequestHeaders", "-2015", "Traceback", "Fatal Python error: Aborted"):
        assert word in log + (tmp_path / "out").read_text(), word
    # And the search finds what is there.
    (tmp_path / "slip").write_bytes(b"x" + rows[3].forms[2])
    assert found(rows, files_of(tmp_path)) == {(rows[3].name, "slip")}


def traded(folder: Path, given: Mapping[str, str], rows: list[Planted]) -> tuple[tuple[dict[str, str], int], int]:
    """A run of the trading process, searched while it stands; what it said came of it, and how it died."""
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    environment = {**os.environ, **given, "PYTHONPATH": path}
    command = [sys.executable, "-m", "tests.entrypoints.planted_process", str(folder)]
    with (
        (folder / "log").open("wb") as log,
        (folder / "out").open("wb") as out,
        subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as child,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        came = None
        try:
            for line in child.stdout:
                out.write(line)
                if line.startswith(b'{"halted"'):
                    told = json.loads(line)
                    came = told["halted"], told["orders"]
                    break
            assert came is not None, (folder / "log").read_text()[-3_000:]
            seen = found(rows, processes(child.pid))
            assert seen <= {("master key", f"{VARIABLE} of trading process")}
            child.stdin.write(b"\n")
            child.stdin.flush()
            out.write(child.stdout.read())
            return came, child.wait(30)
        finally:
            child.kill()
