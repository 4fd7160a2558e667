"""`ledger verify`, `ledger correct` and `audit` as their operator meets them, over books that an account has written."""

from __future__ import annotations

import io
import json
import os
import pwd
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.command import upgrade

from tests.entrypoints.console import Console
from tests.entrypoints.test_commission import live, run
from tests.ledger_kit import Life
from tests.tampering import by_sql
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store, revision_at, revision_of
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.verify import verify_books
from tradepool.domain.deed import Deed
from tradepool.entrypoints import asking
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import deployed_from
from tradepool.entrypoints.holder import LOCK_FILE
from tradepool.entrypoints.running import only_one

__all__ = ["live", "run"]
DEED = Deed(time_ms=1, by="op", what="halt", scope="platform", reason="")
CORRECT = ("ledger", "correct", "ann-main", "--debit", "venue", "--credit", "capital", "--asset", "USDT")


@pytest.fixture
def traded(live: Path) -> Path:
    """Ann's account has been in and out of a market once."""
    deployed = deployed_from(None)
    with books_open(deployed) as connection:
        connection.exec_driver_sql("insert into user values ('ann', 'ann', 'trader')")
        connection.exec_driver_sql("insert into account values ('ann-main', 'ann', 'binance', 1)")
        connection.commit()
        Life(DatabaseJournal(connection), "ann-main", mark=deployed.deployment.mark).round_trip()
    return live


def tampered(*statements: str) -> None:
    """Run them on the deployment's database, past what would refuse them."""
    with books_open(deployed_from(None)) as connection:
        by_sql(connection, *statements)


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """What two people will type."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_whole_books_and_an_edited_row(traded: Path, run: Console) -> None:
    said = run("ledger", "verify", "--json")
    assert (said.code, json.loads(said.out)["faults"]) == (0, [])
    assert [(head["chain"], head["length"]) for head in json.loads(said.out)["heads"]] == [("ann-main", 3)]
    assert "All as it was written" in run("ledger", "verify", "--user", "ann").out
    tampered("update ledger_entry set transfers = json_set(transfers, '$[0][3]', '7') where id = 'ann-main:opening'")
    said = run("ledger", "verify")
    assert said.code == 1
    assert "ann-main:opening" in said.out
    assert "1 rows are not as they were written, the first: ledger_entry ann-main:opening" in said.err
    said = run("ledger", "verify", "--user", "ann", "--json")
    assert (said.code, [each["row"] for each in json.loads(said.out)["faults"]]) == (1, ["ann-main:opening"])
    assert "No user is called" in run("ledger", "verify", "--user", "eve").err


def test_a_chain_that_was_written_anew_is_not_the_one_that_was_noted(
    traded: Path, run: Console, tmp_path: Path
) -> None:
    """Whoever can write the file can also count all digests again; not those that somebody else keeps."""
    file = tmp_path / "noted.json"
    assert "is not what ledger verify --json said" in run("ledger", "verify", "--noted", file).err
    with books_open(deployed_from(None)) as connection:
        for reason in ("first", "second"):
            DatabaseDeployment(connection, deployed_from(None).deployment).audit(replace(DEED, reason=reason))
    file.write_text(run("ledger", "verify", "--json").out)
    assert run("ledger", "verify", "--noted", file).code == 0
    tampered("delete from audit", "update deployment set audited = 0")
    with books_open(deployed_from(None)) as connection:
        for reason in ("first", "none"):
            DatabaseDeployment(connection, deployed_from(None).deployment).audit(replace(DEED, reason=reason))
    assert run("ledger", "verify").code == run("audit", "verify").code == 0
    said = run("ledger", "verify", "--noted", file)
    assert (said.code, "first: audit 2 is not the one that was noted" in said.err) == (1, True)


def test_two_people_correct_the_books_and_all_of_it_is_told(
    traded: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry of its own, by an event of the journal, which still folds; and the audit shows who."""
    typed(monkeypatch, "ann-main", "Bob")
    said = run(*CORRECT, "--amount", "12.5", "--reason", "a deposit before the histories began")
    assert said.code == 0, said.err
    assert "Booked as ann-main:correction:" in said.out
    held = json.loads(run("ledger", "balance", "--json").out)["balances"]
    assert held["capital"]["USDT"] == "-10012.5"
    assert "correction" in run("ledger", "export").out
    assert run("ledger", "verify").code == run("audit", "verify").code == 0
    [deed] = json.loads(run("audit", "show", "--json", "--what", "ledger correct").out)["deeds"]
    # Neither can be taken for a person of the deployment.
    assert deed["by"] == f"shell:{pwd.getpwuid(os.getuid()).pw_name} and typed:Bob"
    assert deed["scope"] == "ledger correct ann-main: 12.5 USDT from capital to venue"
    assert "a deposit before the histories began" in run("audit", "show", "--last", "1").out
    tampered("update audit set reason = 'none'")
    said = run("audit", "verify")
    assert (said.code, "audit 1 (ledger correct" in said.err) == (1, True)


def test_under_his_own_name_nobody_types_the_second(
    traded: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He offers; the same command under another's name books it."""
    for name in ("bil", "eva"):
        assert run("users", "add", name, "--role", "billing").code == 0

    def correct(as_: str) -> str:
        typed(monkeypatch, "ann-main", "eva")
        said = run(*CORRECT, "--amount", "12.5", "--reason", "why", "--as", as_)
        assert said.code == 0, said.err
        return said.out

    assert "Offered" in correct("bil")
    assert "Offered" in correct("bil")
    assert "by bil and eva" in correct("eva")
    assert "Offered" in correct("eva")
    deeds = json.loads(run("audit", "show", "--json", "--what", "ledger correct").out)["deeds"]
    assert [(deed["what"], deed["by"]) for deed in deeds if deed["what"] == "ledger correct"] == [
        ("ledger correct", "bil and eva")
    ]
    assert run("ledger", "verify").code == run("audit", "verify").code == 0


@pytest.mark.parametrize(
    ("changed", "lines", "why"),
    [
        ({}, ("ann", "Bob"), "is not ann-main"),
        ({}, ("ann-main", ""), "needs two people"),
        ({}, ("ann-main", asking.machine_user().upper()), "needs two people"),
        ({}, ("ann-main", f"shell:{asking.machine_user()}"), "needs two people"),
        ({"--amount": "-5"}, ("ann-main", "Bob"), "is not positive"),
        ({"--asset": "USDTT"}, ("ann-main", "Bob"), "never held any 'USDTT'.*USDT"),
        ({"--credit": "venue"}, ("ann-main", "Bob"), "are both venue"),
        ({"account": "ann-mian"}, ("ann-main", "Bob"), "no account is called 'ann-mian'.*ann-main"),
    ],
)
def test_a_correction_that_is_none(
    traded: Path,
    run: Console,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, str],
    lines: tuple[str, str],
    why: str,
) -> None:
    """Said by name; nothing is booked, and nothing audited."""
    words = {"--debit": "venue", "--credit": "capital", "--asset": "USDT", "--amount": "5", **changed}
    account = words.pop("account", "ann-main")
    typed(monkeypatch, *lines)
    said = run("ledger", "correct", account, *(part for pair in words.items() for part in pair), "--reason", "why")
    assert said.code == 1
    assert re.search(why, said.err), said.err
    with books_open(deployed_from(None)) as connection:
        assert verify_books(connection) == []
    assert json.loads(run("audit", "show", "--json").out)["deeds"] == []


def test_nothing_is_corrected_while_somebody_trades(
    traded: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, "ann-main", "Bob")
    with only_one(deployed_from(None)):
        assert "is traded already" in run(*CORRECT, "--amount", "5", "--reason", "why").err


def test_a_trigger_that_is_gone_is_named_and_built_anew(traded: Path, run: Console) -> None:
    """What refuses to change a row stops our own mistakes; somebody who dropped it has made none."""
    with books_open(deployed_from(None)) as connection:
        connection.exec_driver_sql("drop trigger settlement_no_update")
        connection.commit()
    for verify in (("ledger", "verify"), ("audit", "verify"), ("store", "verify")):
        said = run(*verify, "--json")
        assert (said.code, [each["table"] for each in json.loads(said.out)["faults"]]) == (1, ["settlement"]), verify
    assert "were built anew: settlement" in run("store", "migrate").out
    assert run("store", "verify").code == 0
    assert "anew" not in run("store", "migrate").out


def test_a_migration_that_somebody_asked_for_is_in_the_audit(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From what to what, though the configuration alone can't be read without the newest schema."""
    deployed = deployed_from(None)
    deployed.folder.mkdir(parents=True, exist_ok=True)
    with monkeypatch.context() as older:
        older.setattr("tradepool.adapters.database.engine.command.upgrade", lambda config, _: upgrade(config, "0006"))
        # Its triggers are of tables that were not there yet.
        older.setattr("tradepool.adapters.database.engine.triggers.build", lambda connection: None)
        dispose(open_store(deployed.database))
    other = open_store(deployed.folder / "other.sqlite")
    newest = revision_of(other)
    dispose(other)
    for before in ("0006", newest):
        assert f"is at revision {newest}, the newest" in run("store", "migrate").out
        deed = json.loads(run("audit", "show", "--json").out)["deeds"][-1]
        told = f"{deployed.database}: {before} -> {newest}."
        assert (deed["what"], deed["by"], deed["scope"]) == ("store migrate", asking.me(), told)
    assert run("audit", "verify").code == 0


HOLDS = "import fcntl, os, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); f.write(str(os.getpid()))"


def test_a_database_is_not_brought_up_to_date_under_a_process_of_an_older_version(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = deployed_from(None)
    deployed.folder.mkdir(parents=True, exist_ok=True)
    with monkeypatch.context() as older:
        older.setattr("tradepool.adapters.database.engine.command.upgrade", lambda config, _: upgrade(config, "0017"))
        older.setattr("tradepool.adapters.database.engine.triggers.build", lambda connection: None)
        dispose(open_store(deployed.database))
    command = [sys.executable, "-c", f"{HOLDS}; f.flush(); print(flush=True); sys.stdin.read()"]
    with subprocess.Popen(
        [*command, str(deployed.folder / LOCK_FILE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as trading:
        assert trading.stdout is not None
        trading.stdout.readline()
        for asked in (("status",), ("store", "migrate"), ("ledger", "verify")):
            said = run(*asked)
            assert said.code == 1
            assert f"Process {trading.pid}, which trades this deployment, is of an older version" in said.err
        assert revision_at(deployed.database) == "0017"
    assert "is at revision" in run("store", "migrate").out
    assert revision_at(deployed.database) > "0017"
