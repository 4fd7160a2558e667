"""Rows that are only ever added: the database refuses to change or remove them, and whoever drops what refuses is told on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tests.postgres_kit import Postgres
from tests.store_rows import fill
from tradepool.adapters.database import triggers
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.verify import verify_audit

ADDED = ("ledger_entry", "event", "audit", "settlement", "register", "promotion", "recorded_price")
# A column of each.
COLUMNS = {"settlement": "user", "recorded_price": "venue"} | dict.fromkeys(("ledger_entry", "event"), "account")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Connection]:
    """A row of each table, in a file."""
    opened = open_store(tmp_path / "t.sqlite", "NORMAL")
    fill(opened, ["ann"])
    yield opened
    dispose(opened)


@pytest.fixture
def server(postgres: Postgres) -> Iterator[Connection]:
    """The same on a server."""
    opened = open_store(postgres.new(), "NORMAL")
    fill(opened, ["ann"])
    yield opened
    dispose(opened)


def refused(connection: Connection, table: str, statement: str) -> None:
    """A statement on a table fails by name, and nothing is changed."""
    with pytest.raises(DBAPIError, match=f"rows of {table} are only ever added"):
        connection.exec_driver_sql(statement)
    connection.rollback()


@pytest.mark.parametrize("table", ADDED)
def test_rows_that_are_only_ever_added(file: Connection, table: str) -> None:
    refused(file, table, f"update {table} set rowid = rowid")
    refused(file, table, f"delete from {table}")
    refused(file, table, f"replace into {table} select * from {table}")
    assert verify_audit(file) == []


def test_rows_that_are_only_ever_added_on_a_server(server: Connection) -> None:
    for table in ADDED:
        column = COLUMNS.get(table, "id")
        refused(server, table, f'update {table} set "{column}" = "{column}"')
        refused(server, table, f"delete from {table}")
        refused(server, table, f"truncate {table} cascade")
    assert verify_audit(server) == []


def gone(connection: Connection) -> list[str]:
    """The tables that verifying says are without their triggers."""
    return [fault.table for fault in verify_audit(connection) if fault.row == "triggers"]


OTHER = "begin select 1; end"
EDITS = {
    "settlement": ["drop trigger settlement_no_update"],
    "register": ["drop trigger register_no_delete"],
    "promotion": ["drop trigger promotion_counted"],
    "audit": ["drop trigger audit_no_delete", f"create trigger audit_no_delete before delete on audit {OTHER}"],
    "event": [f"create trigger one_of_nobodys after insert on event {OTHER}"],
    "halt": [f"create trigger on_a_table_that_has_none after insert on halt {OTHER}"],
}


@pytest.mark.parametrize("table", EDITS)
def test_a_table_whose_triggers_are_gone_is_named(file: Connection, table: str) -> None:
    """Or is another one, or is none of ours; they are built anew."""
    for statement in EDITS[table]:
        file.exec_driver_sql(statement)
    file.commit()
    assert gone(file) == [table]
    triggers.build(file)
    file.commit()
    assert gone(file) == []


BODY = "returns trigger language plpgsql as $$ begin return new; end $$"
ON_A_SERVER: dict[str, tuple[str, list[str]]] = {
    "dropped": ("drop trigger settlement_no_update on settlement", ["settlement"]),
    "switched off": ("alter table register disable trigger register_no_delete", ["register"]),
    "only where copies are made": ("alter table audit enable replica trigger audit_no_update", ["audit"]),
    "does nothing": (f"create or replace function only_added() {BODY}", sorted(ADDED)),
    "does not count": (f"create or replace function chain_counts() {BODY}", ["audit", "promotion", "register"]),
    "at times": (
        "drop trigger promotion_no_delete on promotion; create trigger promotion_no_delete before delete on promotion "
        "for each row when (old.by = 'me') execute function only_added()",
        ["promotion"],
    ),
}


def test_on_a_server_too(server: Connection) -> None:
    for statement, tables in ON_A_SERVER.values():
        server.exec_driver_sql(statement)
        assert gone(server) == tables, statement
        server.rollback()
        server.exec_driver_sql(statement)
        triggers.build(server)
        server.commit()
        assert gone(server) == [], statement
