"""A whole store into another one, row by row, and what tells that both say the same: row hashes and trial balances.

The two may be of either kind, so this is how books move from SQLite to PostgreSQL and back, and how a server is backed up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from tradepool.adapters.database import tables
from tradepool.adapters.database.chain import UnreadableEntry, transfers_in
from tradepool.adapters.database.engine import StoreUnusable, place_of, reason_of
from tradepool.adapters.database.tables import METADATA
from tradepool.core.ledger.trial_balance import EXACT
from tradepool.domain.errors import TradepoolError

CHUNK = 1_000
_WIDTH = 2**256
Told = Callable[[str, int], None]
Balances = dict[tuple[str, str, str], Decimal]


class NotEmpty(TradepoolError):
    """{place} holds {rows} rows of {table} already; name a place with nothing in it. Nothing was changed."""


class CopyDiffers(TradepoolError):
    """The copy in {place} differs: {what}; it was taken back, and nothing was changed. Run tradepool store verify."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """How many rows a table has, and the sum of their SHA-256, which their order does not change."""

    rows: int
    digest: str


@contextmanager
def held(connection: Connection) -> Iterator[None]:
    """One moment of a store: meanwhile others read it and nobody writes. What is written inside is committed at the end.
    StoreUnusable."""
    connection.rollback()
    try:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("set transaction isolation level repeatable read")
            names = ", ".join(f'"{name}"' for name in METADATA.tables)
            connection.exec_driver_sql(f"lock table {names} in exclusive mode")
        yield
        connection.commit()
    except DBAPIError as error:
        raise StoreUnusable(path=place_of(connection), why=reason_of(error)) from error
    finally:
        connection.rollback()


@contextmanager
def of_one_moment(connection: Connection) -> Iterator[None]:
    """What is read inside is of one moment; others write meanwhile. StoreUnusable."""
    connection.rollback()
    try:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection.exec_driver_sql("set transaction isolation level repeatable read, read only")
        yield
    except DBAPIError as error:
        raise StoreUnusable(path=place_of(connection), why=reason_of(error)) from error
    finally:
        connection.rollback()


def copy_rows(source: Connection, target: Connection, told: Told = lambda table, rows: None) -> None:
    """Every row of every table, in chunks; `told` hears table and rows after each. The caller holds one and commits the
    other. NotEmpty, CopyDiffers."""
    for table in METADATA.sorted_tables:
        if found := target.execute(select(func.count()).select_from(table)).scalar_one():
            raise NotEmpty(place=place_of(target), rows=found, table=table.name)
    for table in METADATA.sorted_tables:
        done = 0
        for rows in _chunks(source, table):
            target.execute(insert(table), [dict(row._mapping) for row in rows])
            done += len(rows)
            told(table.name, done)
        count_on(target, table)
    refuse_unless_same(source, target)


def refuse_unless_same(source: Connection, target: Connection) -> None:
    """Raise CopyDiffers unless both have the same rows and the same trial balances."""
    for table in METADATA.sorted_tables:
        ours, theirs = fingerprint(source, table), fingerprint(target, table)
        if ours != theirs:
            raise CopyDiffers(place=place_of(target), what=f"table {table.name} ({ours.rows} and {theirs.rows} rows)")
    if balances(source) != balances(target):
        raise CopyDiffers(place=place_of(target), what="the trial balances")


def fingerprint(connection: Connection, table: Table) -> Fingerprint:
    """Of all rows that the connection's actor sees; the same on both kinds of stores."""
    total = count = 0
    for rows in _chunks(connection, table):
        count += len(rows)
        total += sum(int.from_bytes(sha256(repr(tuple(row)).encode()).digest()) for row in rows)
    return Fingerprint(count, format(total % _WIDTH, "064x"))


def balances(connection: Connection, ends: Mapping[str, int] | None = None) -> Balances:
    """The trial balance of each account: debits less credits, by account, ledger account and asset.

    With `ends`, only what these accounts' events up to that sequence booked. UnreadableEntry.
    """
    found, e = Balances(), tables.ledger_entry.c
    query = select(e.account, e.sequence, e.transfers)
    for rows in connection.execute(query.execution_options(yield_per=CHUNK)).partitions():
        for account, sequence, transfers in rows:
            if ends is not None and sequence > ends.get(account, -1):
                continue
            for debit, credit, asset, amount, _ in transfers_in(transfers):
                try:
                    moved = Decimal(amount)
                except ArithmeticError as error:
                    raise UnreadableEntry(why=f"{amount} is no amount") from error
                for code, add in ((debit, EXACT.add), (credit, EXACT.subtract)):
                    key = account, code, asset
                    found[key] = add(found.get(key, Decimal(0)), moved)
    return found


def mark_moved(source: Connection, to: str) -> None:
    """The books go on elsewhere: a start on these is refused, and an instance that still writes here is fenced off."""
    t = tables.deployment.c
    source.execute(update(tables.deployment).values(moved_to=to, epoch=t.epoch + 1))


def _chunks(connection: Connection, table: Table) -> Iterator[Any]:
    query = select(table).order_by(*table.primary_key).execution_options(yield_per=CHUNK)
    yield from connection.execute(query).partitions()


def count_on(target: Connection, table: Table) -> None:
    """After rows with numbers of their own: a server's next number comes after them; SQLite looks for itself."""
    column = table.autoincrement_column
    if target.dialect.name != "sqlite" and column is not None and column.autoincrement == "auto":
        counter = func.pg_get_serial_sequence(f'"{table.name}"', column.name)
        newest = select(func.max(column)).scalar_subquery()
        target.execute(select(func.setval(counter, func.coalesce(newest, 1), newest.is_not(None))))
