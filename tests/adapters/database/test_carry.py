"""Every table there is, at a restore: what people decided since the copy was made is carried into it, the books go back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, select, update

from tests.store_rows import fill
from tradepool.adapters.database import tables
from tradepool.adapters.database.carry import carry_newer, decided_in, void_invitations
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.tables import METADATA

# The journal and what follows from it: the venue tells again what has happened since. Mandates are a replay's; invitations
# are void, whatever is carried.
GO_BACK = {
    *("event", "snapshot", "order_intent", "ledger_entry", "trade", "refusal", "checkpoint"),
    "mandate",
}
# With the charges they belong to (test_carry_bills).
BY_BILL = {"settlement"}


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Connection]:
    """Of the time when there was Ann alone."""
    connection = open_store(tmp_path / "copy.sqlite", "NORMAL")
    fill(connection, ["ann"])
    yield connection
    dispose(connection)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Connection]:
    """Bob has come since."""
    connection = open_store(tmp_path / "live.sqlite", "NORMAL")
    fill(connection, ["ann", "bob"])
    yield connection
    dispose(connection)


def rows(connection: Connection, table: Table) -> list[str]:
    """As text, in order."""
    found = [repr(tuple(row)) for row in connection.execute(select(table).order_by(*table.primary_key))]
    connection.rollback()
    return found


def test_of_every_table_it_is_decided_what_a_restore_makes_of_it(copy: Connection, live: Connection) -> None:
    """Whoever adds a table carries it, or says here why it goes back."""
    before = {table.name: rows(copy, table) for table in METADATA.sorted_tables}
    void_invitations(live)
    void_invitations(copy)
    carry_newer(copy, decided_in(live))
    # The deployment's own row counts the deeds, and a restore makes it a newer instance.
    for table in set(METADATA.sorted_tables) - {tables.deployment}:
        kept = before[table.name] if table.name in GO_BACK | BY_BILL else rows(live, table)
        assert rows(copy, table) == kept, table.name


def test_what_people_took_back_since_stays_so(copy: Connection, live: Connection) -> None:
    """A limit that is the configuration's again, a suspension that was lifted, the look at a key that was burnt."""
    names = ("risk_setting", "risk_trip", "suspension", "key_look")
    for name in names:
        live.execute(METADATA.tables[name].delete())
    live.commit()
    carry_newer(copy, decided_in(live))
    assert [rows(copy, METADATA.tables[name]) for name in names] == [[]] * len(names)


def test_a_restore_does_not_fail_by_books_that_are_not_the_copys(copy: Connection, live: Connection) -> None:
    """Another chain of deeds and other numbers of accounts: what began anew when the real one was lost."""
    live.exec_driver_sql("drop trigger audit_no_update")
    live.execute(update(tables.audit).values(digest="another"))
    live.execute(update(tables.account).values(number=tables.account.c.number + 10))
    live.execute(update(tables.account).where(tables.account.c.id == "bob-main").values(number=1))
    live.commit()
    before = rows(copy, tables.audit), rows(copy, tables.account)
    carry_newer(copy, decided_in(live))
    assert (rows(copy, tables.audit), rows(copy, tables.account)) == before
