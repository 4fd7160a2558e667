"""What SQLite and PostgreSQL would say differently, said once: types, `insert or replace`, a field of JSON text.

Imported by `engine`, so that it is in force wherever a store is open. Tables and migrations are the same for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Connection, Integer, Table, Text
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler, TypeCompiler
from sqlalchemy.sql.functions import GenericFunction

_ENCODER = msgspec.json.Encoder()


@compiles(Integer, "postgresql")
def _integer(_type: Integer, _compiler: TypeCompiler, **_: Any) -> str:
    """SQLite's integers have 64 bits, and times in ms need more than 32."""
    return "BIGINT"


@compiles(BigInteger, "sqlite")
def _big_integer(_type: BigInteger, _compiler: TypeCompiler, **_: Any) -> str:
    """A STRICT table knows no other word for it."""
    return "INTEGER"


@compiles(Text, "postgresql")
def _text(_type: Text, _compiler: TypeCompiler, **_: Any) -> str:
    """SQLite orders text by its bytes; so does PostgreSQL then, whatever language its database speaks."""
    return 'TEXT COLLATE "C"'


def upsert(table: Table) -> Insert:
    """An insert that replaces the row with the same primary key."""
    # PostgreSQL's own construct; SQLite has taken over the syntax, and its compiler reads the construct.
    new = insert(table)
    rest = {column.name: new.excluded[column.name] for column in table.c if not column.primary_key}
    key = list(table.primary_key)
    return new.on_conflict_do_update(index_elements=key, set_=rest) if rest else unless_there(table)


def unless_there(table: Table) -> Insert:
    """An insert that leaves a row with the same primary key as it is."""
    return insert(table).on_conflict_do_nothing(index_elements=list(table.primary_key))


def add_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows of the same two or more columns, of numbers and texts, in the driver's own words: what SQLAlchemy does for each of many
    rows would take as long as SQLite itself.

    On a server they travel as one JSON text, which it takes apart: half the time, on both sides, of a statement a row.
    """
    name, columns = f'"{table.name}"', ", ".join(f'"{column}"' for column in rows[0])
    into = f"INSERT INTO {name} ({columns})"
    if connection.dialect.name == "sqlite":
        cells, marks = itemgetter(*rows[0]), ", ".join("?" * len(rows[0]))
        connection.exec_driver_sql(f"{into} VALUES ({marks})", [cells(row) for row in rows])
        return
    taken_apart = f"SELECT {columns} FROM json_populate_recordset(NULL::{name}, %s::json)"
    connection.exec_driver_sql(f"{into} {taken_apart}", (_ENCODER.encode(rows).decode(),))


class json_text(GenericFunction[str]):  # noqa: N801
    """`json_text(column, "key")`: a field of a JSON object as text; null where the text is no JSON."""

    type = Text()
    inherit_cache = True


@compiles(json_text, "sqlite")
def _json_text_sqlite(element: json_text, compiler: SQLCompiler, **kw: Any) -> str:
    body, key = _arguments(element, compiler, **kw)
    return f"CASE WHEN json_valid({body}) THEN json_extract({body}, '$.' || {key}) END"


@compiles(json_text, "postgresql")
def _json_text_postgresql(element: json_text, compiler: SQLCompiler, **kw: Any) -> str:
    body, key = _arguments(element, compiler, **kw)
    return f"CASE WHEN {body} IS JSON THEN CAST({body} AS json) ->> {key} END"


def _arguments(element: json_text, compiler: SQLCompiler, **kw: Any) -> list[str]:
    clauses: list[ColumnElement[Any]] = list(element.clauses)
    return [compiler.process(each, **kw) for each in clauses]
