"""Whoever edits, removes or inserts a row of the books by SQL is told on, by the row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, insert, inspect
from sqlalchemy.exc import DBAPIError

from tests.ledger_kit import Life
from tests.tampering import by_sql
from tradepool.adapters.database import engine, tables
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.chain import UnreadableEntry
from tradepool.adapters.database.copying import balances, fingerprint
from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.verify import accounts_in, heads, verify_books
from tradepool.domain.deployment import Deployment, Kind
from tradepool.domain.event import AccountOpened
from tradepool.domain.ids import AccountId, LedgerEntryId
from tradepool.domain.ledger import LedgerEntry
from tradepool.ports.journal import Record

MINE = Deployment(id="simaaaaa", kind=Kind.PRACTICE)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Two accounts that have traded, three deeds."""
    opened = open_store(tmp_path / "t.sqlite", "NORMAL")
    rows = DatabaseDeployment(opened, MINE)
    journal = DatabaseJournal(opened)
    for number, name in enumerate(("ann", "bob"), 1):
        row = f"insert into account (id, user, venue, number) values ('{name}', 'u', 'binance', {number})"
        opened.exec_driver_sql("insert or ignore into user values ('u', 'u', 'trader')")
        opened.exec_driver_sql(row)
        opened.commit()
        life = Life(journal, name, number)
        life.round_trip()
        life.round_trip(110.0)
    for time_ms in (1, 2, 3):
        rows.audit(Deed(time_ms=time_ms, by="op", what="halt", scope="platform", reason="why not"))
    yield opened
    dispose(opened)


def said(connection: Connection) -> list[str]:
    """The faults as sentences."""
    return [f"{fault.table} {fault.row} {fault.why}" for fault in verify_books(connection)]


def test_books_that_nobody_touched_are_whole(connection: Connection) -> None:
    assert said(connection) == []
    found = [
        (head.chain, head.length, len(head.digest)) for head in heads(connection, accounts_in(connection), audit=True)
    ]
    assert found == [("ann", 5, 64), ("bob", 5, 64), ("the audit", 3, 64)]


ENTRY = "ledger_entry ann:fill:binance:BTC/USDT:2"
SECOND = "id = 'ann:fill:binance:BTC/USDT:2'"
EDITS = {
    "an amount": (
        f"update ledger_entry set transfers = json_set(transfers, '$[1][3]', '9') where {SECOND}",
        [f"{ENTRY} does not follow.*event .* makes it otherwise: amount of transfer 1 is 9, not"],
    ),
    "a time": (
        "update ledger_entry set time_ms = time_ms + 1 where " + SECOND,
        [f"{ENTRY} does not follow.*makes it otherwise: time_ms is"],
    ),
    "a direction": (
        "update ledger_entry set transfers = json_set(transfers, '$[0][0]', transfers ->> '$[0][1]', "
        f"'$[0][1]', transfers ->> '$[0][0]') where {SECOND}",
        [f"{ENTRY} does not follow.*debit of transfer 0"],
    ),
    "a transfer goes": (
        f"update ledger_entry set transfers = json_remove(transfers, '$[2]') where {SECOND}",
        [f"{ENTRY} does not follow.*it has 2 transfers, not 3"],
    ),
    "a transfer comes": (
        "update ledger_entry set transfers = json_insert(transfers, '$[#]', "
        f"json_array('venue', 'capital', 'USDT', '5', 'deposit')) where {SECOND}",
        [f"{ENTRY} does not follow.*it has 4 transfers, not 3"],
    ),
    "another text of the same transfers": (
        f"update ledger_entry set transfers = replace(transfers, ',', ', ') where {SECOND}",
        [f"{ENTRY} does not follow: [^;]*$"],
    ),
    "transfers that nobody can read": (
        f"update ledger_entry set transfers = substr(transfers, 2) where {SECOND}",
        [f"{ENTRY} does not follow.*its transfers can't be read"],
    ),
    "an entry goes": (
        f"delete from ledger_entry where {SECOND}",
        ["ledger_entry ann number 3 is not there", f"{ENTRY} is not there: event"],
    ),
    "the last entry goes": (
        "delete from ledger_entry where id = 'ann:fill:binance:BTC/USDT:4'",
        ["ledger_entry ann:fill:binance:BTC/USDT:4 is not there: event"],
    ),
    "an entry comes": (
        "insert into ledger_entry (id, account, sequence, time_ms, reference, transfers, number, digest) "
        "values ('ann:gift', 'ann', 3, 9, 'gift', '[]', 6, 'abc')",
        ["ledger_entry ann:gift does not follow.*; no event made it, not 3, which it names"],
    ),
    "an entry is given away": (
        "update ledger_entry set account = 'bob', number = 6 where id = 'ann:fill:binance:BTC/USDT:4'",
        [
            "ann:fill:binance:BTC/USDT:4 is not there",
            f"{ENTRY[:-1]}4 does not follow.*; no event made it",
        ],
    ),
    "an event": (
        "update event set body = replace(body, '100', '101') where account = 'ann' and kind = 'OrderFilled'",
        ["event ann .* its bytes are not those that were written"] * 4,
    ),
    "an event and what tells": (
        "update event set body = replace(body, '\"100.0\"', '\"90.0\"'), digest = null "
        "where account = 'ann' and kind = 'OrderFilled'",
        ["makes it otherwise: amount of transfer 1 is"] * 2,
    ),
    "an event goes": ("delete from event where account = 'ann' and sequence = 4", ["event ann 4 is not there"]),
    "a deed": ("update audit set reason = 'none' where id = 2", [r"audit 2 \(halt platform by op\) does not follow"]),
    "a deed goes": ("delete from audit where id = 2", ["audit 2 is not there"]),
    "the last deed goes": ("delete from audit where id = 3", ["audit 3 is not there"]),
    "a deed comes": (
        "insert into audit values (4, 5, 'eve', 'resume', 'platform', 'fine', 'abc')",
        [r"audit 4 \(resume platform by eve\) does not follow"],
    ),
    "a digest goes with it": (
        "update audit set reason = 'none', digest = tradepool_sha256('none') where id = 2",
        ["audit 2 .*does not follow", "audit 3 .*does not follow"],
    ),
}


@pytest.mark.parametrize("kind", EDITS)
def test_what_was_done_to_the_books_by_sql_is_named(connection: Connection, kind: str) -> None:
    """And nothing else is: of the other account least of all."""
    statement, wanted = EDITS[kind]
    by_sql(connection, statement)
    found = said(connection)
    assert len(found) == len(wanted), found
    for sentence, pattern in zip(found, wanted, strict=True):
        assert re.search(pattern, sentence), (pattern, sentence)


@pytest.mark.parametrize("edit", ["substr(transfers, 2)", "json_set(transfers, '$[1][3]', 'ten')"])
def test_transfers_that_nobody_can_read_are_an_error_by_name_to_who_counts_them(
    connection: Connection, edit: str
) -> None:
    by_sql(connection, f"update ledger_entry set transfers = {edit} where {SECOND}")
    with pytest.raises(UnreadableEntry, match="ledger verify names the entry"):
        list(DatabaseBooks(connection).entries(AccountId("ann")))
    with pytest.raises(UnreadableEntry, match="store restore"):
        balances(connection)


def test_books_from_before_there_were_chains_are_chained_as_they_stand(connection: Connection, tmp_path: Path) -> None:
    """Down to the schema before, and up again: the same links."""
    links = heads(connection, accounts_in(connection), audit=True)
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    before = ScriptDirectory.from_config(config).get_revision("0011").down_revision
    command.downgrade(config, str(before))
    connection.commit()
    assert connection.exec_driver_sql("select count(*) from sqlite_master where type = 'trigger'").scalar() == 0
    assert "digest" not in {column["name"] for column in inspect(connection).get_columns("ledger_entry")}
    connection.rollback()
    again = open_store(tmp_path / "t.sqlite", "NORMAL")
    assert heads(again, accounts_in(again), audit=True) == links
    assert said(again) == []
    dispose(again)


def test_transfers_that_were_a_table_of_their_own_are_in_their_entries(place: Place) -> None:
    """Down to the schema before, which guards both tables, and up again: the same entries, links, walls and triggers."""
    opened = open_store(place, "NORMAL")
    DatabaseDeployment(opened, MINE)
    opened.execute(insert(tables.user), {"id": "u", "name": "u", "role": "trader"})
    opened.execute(
        insert(tables.account),
        [{"id": name, "user": "u", "venue": "binance", "number": n} for n, name in enumerate(("ann", "bob"), 1)],
    )
    opened.commit()
    for number, name in enumerate(("ann", "bob"), 1):
        Life(DatabaseJournal(opened), name, number).round_trip()
    accounts = accounts_in(opened)
    links, whole = heads(opened, accounts, audit=True), fingerprint(opened, tables.ledger_entry)
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    config.attributes["connection"] = opened
    command.downgrade(config, "0017")
    opened.commit()
    assert opened.exec_driver_sql("select count(*) from transfer where account = 'ann'").scalar() == 7
    for table in ("ledger_entry", "transfer"):
        with pytest.raises(DBAPIError, match=f"rows of {table} are only ever added"):
            opened.exec_driver_sql(f"delete from {table}")
        opened.rollback()
    dispose(opened)
    again = open_store(place, "NORMAL")
    assert (heads(again, accounts, audit=True), fingerprint(again, tables.ledger_entry)) == (links, whole)
    assert said(again) == []
    dispose(again)


def test_an_entry_that_moves_nothing_is_in_the_chain_and_in_no_count(tmp_path: Path) -> None:
    """An account that was opened with nothing on it."""
    opened = open_store(tmp_path / "t.sqlite", "NORMAL")
    account = AccountId("u1")
    opening = LedgerEntry(id=LedgerEntryId("u1:opening"), account=account, time_ms=1, transfers=(), reference="opening")
    began = AccountOpened(time_ms=1, balances=())
    DatabaseJournal(opened).write(Record(account=account, sequence=1, as_of_ms=1, event=began, entries=[opening]))
    assert [head.length for head in heads(opened, [account], audit=False)] == [1]
    assert list(DatabaseBooks(opened).entries(account)) == []
    dispose(opened)


def test_books_are_verified_while_they_are_written(tmp_path: Path) -> None:
    """After each thing that is read, an account trades and a person does something."""
    trading, looking = (open_store(tmp_path / "t.sqlite", "NORMAL") for _ in range(2))
    rows = DatabaseDeployment(trading, MINE)
    trading.exec_driver_sql("insert into user values ('u', 'u', 'trader')")
    trading.exec_driver_sql("insert into account values ('u1', 'u', 'binance', 1)")
    trading.commit()
    life, reads = Life(DatabaseJournal(trading)), list[str]()

    def trade(*told: object) -> None:
        reads.append(str(told[2]))
        life.round_trip()
        rows.audit(Deed(time_ms=len(reads), by="op", what="halt", scope="platform", reason=""))

    life.round_trip()
    event.listen(looking, "after_cursor_execute", trade)
    assert verify_books(looking) == []
    assert len(reads) > 8
    for connection in (trading, looking):
        dispose(connection)
