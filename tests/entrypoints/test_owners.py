"""An account's books stay its owner's: a section that is gone hides nothing, and one that names somebody else is refused."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.entrypoints.commission_kit import ACCOUNT, at, journal, live_in, opened, settle, trade
from tests.entrypoints.console import Console, console_of
from tests.learning.test_pool import TRADE
from tradepool.adapters.database.deployment import DatabaseDeployment, OtherOwner
from tradepool.domain.event import StreamLost
from tradepool.domain.ids import AccountId, UserId
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import deployed_from
from tradepool.ports.journal import Record

CORRECT = "ledger correct ann-main --debit venue --credit capital --asset USDT --amount 5"
GONE = {
    "account": "ann-main", "user": "ann", "status": "closed", "cash": {}, "mandate": "", "version": 0, "changes": [],
    "named": False,
}  # fmt: skip


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Console:
    """The command line."""
    return console_of(capsys)


@pytest.fixture
def file(tmp_path: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of a live deployment where ann was charged 25.00 for 100."""
    file = live_in(tmp_path, run, monkeypatch)
    opened()
    trade(1, 20, 9, 60_000, 60_100)
    settle(run, "2026-09", monkeypatch)
    return file


def test_a_section_that_is_gone_hides_no_books_and_refunds_nothing(
    file: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = StreamLost(time_ms=at(21), why="")
    with journal() as books:
        made = replace(TRADE, account=ACCOUNT)
        books.write(Record(account=ACCOUNT, sequence=5, as_of_ms=0, event=event, trades=[made]))
    looks = [("ledger", what, *whose) for what in ("export", "balance") for whose in ((), ("--user", "ann"))]
    looks += [("trades", "list"), ("ledger", "verify", "--user", "ann"), ("--as", "ann", "ledger", "export")]
    before = [run(*words) for words in looks]
    assert all(said.out for said in before)
    assert "trailing" in before[4].out
    file.write_text(re.sub(r"\[accounts\.ann-main\].*?(?=\n# )", "", file.read_text(), flags=re.DOTALL))
    assert deployed_from(None).settings.accounts == {}
    assert [run(*words) for words in looks] == before
    assert json.loads(run("accounts", "list", "--json").out)["accounts"] == [GONE]
    assert run("accounts").out.splitlines()[1].split() == ["ann-main", "ann", "closed", "books"]
    assert "books that no section of the configuration names" in run("accounts", "show", "ann-main").out
    assert "did you mean ann-main?" in run("accounts", "show", "ann-mian").err
    monkeypatch.setattr("sys.stdin", io.StringIO("ann-main\nBob\n"))
    booked = run(*CORRECT.split(), "--reason", "the fee was nobody's")
    assert "Booked as ann-main:correction:" in booked.out, booked
    monkeypatch.setattr("sys.stdin", io.StringIO("ann\n"))
    assert "to the cent" in run("commission", "correct", "ann", "--reason", "tidied the file").err


def test_books_change_no_hands(file: Path, run: Console) -> None:
    """By the file, which every command refuses, or by a name that is free there, which no command takes."""
    assert run("users", "add", "zed").code == 0
    text = file.read_text()
    file.write_text(text.replace('[accounts.ann-main]\nuser = "ann"', '[accounts.ann-main]\nuser = "zed"'))
    said = run("--as", "zed", "ledger", "export")
    assert (said.code, said.out) == (1, "")
    assert """[accounts.ann-main] says user = "zed", and its books are ann's""" in said.err
    assert run("commission", "preview", "zed", "--month", "2026-09").err == said.err
    assert run("start").err == said.err
    file.write_text(re.sub(r"\[accounts\.ann-main\].*?(?=\n# )", "", text, flags=re.DOTALL))
    assert "ann-main is there already" in run("accounts", "add", "zed", "--name", "ann-main").err
    assert run("accounts", "add", "ann", "--name", "ann-main").code == 0
    assert run("ledger", "export").out.count("ann-main:") > 1


def test_a_number_is_nobody_elses(file: Path) -> None:
    """Whatever was read before: the database itself gives an account to one person only, and a new name to nobody's books."""
    found = deployed_from(None)
    with books_open(found) as connection:
        rows, ann = DatabaseDeployment(connection, found.deployment), found.users[0]
        assert rows.owners() == {ACCOUNT: "ann"}
        rows.refuse_other_owners({AccountId("new"): ann.id})
        with pytest.raises(OtherOwner, match="its books are ann's"):
            rows.account(replace(ann, id=UserId("zed")), ACCOUNT, "binance")
