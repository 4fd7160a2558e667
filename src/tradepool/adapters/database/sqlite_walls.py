"""The walls of `walls` around a SQLite file, which has none of its own: they stand in a person's connection, not in the file.

A temporary view hides each table behind its wall's rows, under the table's own name: whatever is read, by whichever
statement, is read of the view. What is written goes to the table itself (`main`), and there a temporary trigger passes by
rows that are not his, as PostgreSQL does, and refuses a row that would become another's. A write that is not led to the
table ends at the view, which can't be written to. Who sees all rows, such as the trading process, has none of this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pysqlite3
from sqlalchemy import Engine, Table, event

from tradepool.adapters.database import walls
from tradepool.adapters.database.tables import METADATA
from tradepool.domain.actor import Actor

REFUSED = "new row violates row-level security"
# Columns that the file's own triggers write, whoever's the row is that they count; on a server they do so as the house.
COUNTED = {"deployment": {"audited", "registered", "promoted"}}
_GIVEN = 'CASE WHEN json_valid("body") THEN json_extract("body", \'$.mandate.id\') END'
_WRITTEN = re.compile(r'\s*(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|UPDATE|DELETE\s+FROM)\s+(?=[\w"])', re.IGNORECASE)


def stand_around(engine: Engine, actor: Actor) -> None:
    """Every connection of a SQLite engine asks for that actor, who does not see all rows, from its first statement on. The
    schema is the newest already."""

    @event.listens_for(engine, "connect")
    def _build(raw: pysqlite3.Connection, _: object) -> None:
        setting = walls.setting_of(actor)
        # What conditions call on a server.
        raw.create_function("current_setting", 2, lambda name, missing: setting, deterministic=True)
        raw.create_function("starts_with", 2, str.startswith, deterministic=True)
        for table in METADATA.sorted_tables:
            for statement in statements(table):
                raw.execute(statement)

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def _lead(_: Any, __: Any, statement: str, parameters: Any, ___: Any, ____: Any) -> tuple[str, Any]:
        return led(statement), parameters


def led(statement: str) -> str:
    """A statement that writes, to the table itself.

    >>> led('DELETE FROM "user" WHERE id = ?'), led("SELECT 1")
    ('DELETE FROM main."user" WHERE id = ?', 'SELECT 1')
    """
    written = _WRITTEN.match(statement)
    return statement if written is None else f"{written[0]}main.{statement[written.end() :]}"


def statements(table: Table) -> Iterator[str]:
    """SQL that builds a table's wall in a connection."""
    wall, name = walls.WALLS.get(table.name, walls.HOUSE), f'"{table.name}"'
    yield f"CREATE TEMP VIEW {name} AS SELECT * FROM main.{name} WHERE {_said(wall.reads)}"
    passed_by = f"SELECT RAISE(IGNORE) WHERE {_not(table, 'OLD', wall.writes)};"
    refused = f"SELECT RAISE(ABORT, '{REFUSED} for table {table.name}') WHERE "
    columns = ", ".join(f'"{column.name}"' for column in table.c if column.name not in COUNTED.get(table.name, ()))
    for change, body in (
        ("INSERT", f"{refused}{_not(table, 'NEW', f'({wall.writes}) OR ({wall.adds})')};"),
        (f"UPDATE OF {columns}", f"{passed_by} {refused}{_not(table, 'NEW', wall.writes)};"),
        ("DELETE", passed_by),
    ):
        trigger = f'"{table.name} {change.partition(" ")[0].lower()}"'
        yield f"CREATE TEMP TRIGGER {trigger} BEFORE {change} ON main.{name} BEGIN {body} END"


def _not(table: Table, row: str, condition: str) -> str:
    """That a row of a trigger, by its columns' plain names, is not what a condition asks for."""
    columns = ", ".join(f'{row}."{column.name}" AS "{column.name}"' for column in table.c)
    return f"NOT EXISTS (SELECT 1 FROM (SELECT {columns}) WHERE {_said(condition)})"


def _said(condition: str) -> str:
    """As SQLite says it; the rest of SQL that walls are made of, both read alike."""
    return condition.replace(walls.GIVEN, _GIVEN)
