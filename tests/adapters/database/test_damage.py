"""A journal whose rows are not those that were written: the account is named, with what to do, and nobody else's is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.adapters.database.test_store import record
from tests.nouns import ACCOUNT, BTC, MANDATE
from tests.tampering import by_sql
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DamagedJournal, DatabaseJournal
from tradepool.adapters.database.place import Place
from tradepool.core.account.account import Account
from tradepool.core.account.snapshot import taken
from tradepool.domain.ids import AccountId
from tradepool.domain.trade import Origin
from tradepool.ports.journal import Snapshot

OTHER = AccountId("b" * 32)


@pytest.fixture
def connection(place: Place) -> Iterator[Connection]:
    """Three events of one account and one of another."""
    opened = open_store(place, "NORMAL")
    journal = DatabaseJournal(opened)
    for sequence in (1, 2, 3):
        journal.write(record(sequence))
    journal.write(replace(record(1, entries=[], intents=[], refusals=[]), account=OTHER))
    yield opened
    dispose(opened)


DAMAGE = {
    "a digit": ("update event set body = replace(body, '60000.01', '60000.02')", 1, "not those that were written"),
    "its time": ("update event set as_of_ms = as_of_ms + 1", 1, "not those that were written"),
    "half a row": ("update event set body = substr(body, 1, 20), digest = null where sequence = 3", 3, "truncated"),
    "garbage": ("update event set body = 'xyz', digest = null where sequence = 2", 2, "invalid|malformed"),
    "no amount": (
        "update event set body = replace(body, '60000.01', 'much'), digest = null where sequence = 2",
        2,
        "much|decimal",
    ),
    "a hole": ("delete from event where sequence = 2", 2, "missing"),
    "the tail": ("delete from event where sequence = 3", 3, "missing, and its ledger entry is there"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(connection: Connection, kind: str) -> None:
    statement, sequence, why = DAMAGE[kind]
    where = " and " if " where " in statement else " where "
    by_sql(connection, f"{statement}{where}account = '{ACCOUNT.id}'")
    journal = DatabaseJournal(connection)
    with pytest.raises(DamagedJournal, match=rf"{ACCOUNT.id} is damaged at event {sequence}: .*({why}).*store restore"):
        list(journal.read(ACCOUNT.id))
    assert len(list(journal.read(OTHER))) == 1


def test_rows_from_before_they_had_a_digest_are_read(connection: Connection) -> None:
    by_sql(connection, "update event set digest = null")
    assert [number for number, _, _ in DatabaseJournal(connection).read(ACCOUNT.id)] == [1, 2, 3]


def test_a_damaged_page_is_named_too(tmp_path: Path) -> None:
    """Not the rows but what holds them."""
    path = tmp_path / "u.sqlite"
    opened = open_store(path, "NORMAL")
    journal = DatabaseJournal(opened)
    for sequence in range(1, 200):
        journal.write(record(sequence, entries=[], intents=[], refusals=[]))
    dispose(opened)
    pages = bytearray(path.read_bytes())
    for start in range(0, len(pages), 4_096):
        if b'"fill_id":"150"' in pages[start : start + 4_096]:
            pages[start : start + 100] = b"\xff" * 100
    path.write_bytes(pages)
    opened = open_store(path, "NORMAL")
    with pytest.raises(DamagedJournal, match="malformed"):
        list(DatabaseJournal(opened).read(ACCOUNT.id))
    dispose(opened)


def test_an_intent_that_cannot_be_read_hides_nobody_elses_markets(connection: Connection) -> None:
    """Which markets an account has traded is read without the nouns."""
    journal = DatabaseJournal(connection)
    assert journal.traded() == {(ACCOUNT.id, BTC.id)}
    connection.exec_driver_sql("update order_intent set body = substr(body, 1, 9) where sequence < 3")
    connection.commit()
    assert journal.traded() == {(ACCOUNT.id, BTC.id)}


def test_bytes_that_are_no_text_are_named_too(tmp_path: Path) -> None:
    """A file's driver says that as it says that it can't be opened."""
    opened = open_store(tmp_path / "u.sqlite", "NORMAL")
    journal = DatabaseJournal(opened)
    journal.write(record(1))
    by_sql(opened, "update event set body = cast(x'ff' as text)")
    with pytest.raises(DamagedJournal, match="UTF-8"):
        list(journal.read(ACCOUNT.id))
    dispose(opened)


def test_snapshots_on_a_damaged_page_are_passed_over(tmp_path: Path) -> None:
    """The events alone make the account."""
    path = tmp_path / "u.sqlite"
    opened = open_store(path, "NORMAL")
    journal, state = DatabaseJournal(opened), taken(Account(ACCOUNT, MANDATE, [BTC], Origin.PRACTICE))
    body = Snapshot(state=state, opened_ms=7, last_fills={}, fills_before={})
    journal.write(replace(record(1), snapshot=body))
    assert journal.snapshot(ACCOUNT.id) == (1, body)
    [page] = opened.exec_driver_sql("select rootpage from sqlite_master where name = 'snapshot'").scalars()
    dispose(opened)
    pages = bytearray(path.read_bytes())
    pages[(page - 1) * 4_096 : (page - 1) * 4_096 + 100] = b"\xff" * 100
    path.write_bytes(pages)
    opened = open_store(path, "NORMAL")
    journal = DatabaseJournal(opened)
    assert journal.snapshot(ACCOUNT.id) is None
    assert [number for number, _, _ in journal.read(ACCOUNT.id)] == [1]
    dispose(opened)
