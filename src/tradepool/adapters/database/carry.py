"""What people decided goes with a deployment from one database to the next: its books begin anew or go back, these don't."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, delete, select

from tradepool.adapters.database import pool_tables, tables
from tradepool.adapters.database.carry_bills import Bills, bills_in, carry_bills
from tradepool.adapters.database.copying import count_on
from tradepool.adapters.database.engine import transaction
from tradepool.adapters.database.people_tables import invitation, register
from tradepool.adapters.database.remembered import wrote
from tradepool.adapters.database.secrets import DatabaseSecrets
from tradepool.adapters.database.sql import upsert
from tradepool.ports.secrets import SealedSecret, WrappedKey

# Consents and lists as they are now: what was withdrawn stays so, whatever an older copy says.
POOL = (pool_tables.pool_consent, pool_tables.pooled_trade, pool_tables.pool_tombstone, pool_tables.pool_secret)


@dataclass(frozen=True, slots=True)
class Decided:
    """Rows of a database: people, who goes how far, limits that were set, halts; the keys it holds; the trade pool's people,
    and what users owe."""

    register: Sequence[RowMapping]
    promotions: Sequence[RowMapping]
    risk_settings: Sequence[RowMapping]
    halts: Sequence[RowMapping]
    data_keys: Sequence[WrappedKey]
    secrets: Sequence[SealedSecret]
    pool: Mapping[Table, Sequence[RowMapping]]
    bills: Bills


def decided_in(connection: Connection) -> Decided:
    """Read them. Raises SQLAlchemy's DBAPIError where a page of them can't be read."""
    keys = DatabaseSecrets(connection)
    return Decided(
        register=_rows(connection, register),
        promotions=_rows(connection, tables.promotion),
        risk_settings=_rows(connection, tables.risk_setting),
        halts=_rows(connection, tables.halt),
        data_keys=keys.data_keys(),
        secrets=keys.secrets(),
        pool={table: _rows(connection, table) for table in POOL},
        bills=bills_in(connection),
    )


def carry_settings(connection: Connection, decided: Decided) -> None:
    """People, promotions and set limits into books that begin anew. StoreUnusable."""
    with transaction(connection):
        _add(connection, register, decided.register)
        _add(connection, tables.promotion, decided.promotions)
        _add(connection, tables.risk_setting, decided.risk_settings)
        _carry_pool(connection, decided)


def carry_newer(connection: Connection, decided: Decided) -> None:
    """What was decided after a copy was made, into that copy. StoreUnusable.

    People, promotions, halts and charges that it does not know are added; invitations are void, as they may have been used. Keys
    are those that are held now: one that was burnt since stays burnt.
    """
    known = [_told(row) for row in _rows(connection, tables.promotion)]
    newer = [_told(row) for row in decided.promotions]
    with transaction(connection):
        _add(connection, register, decided.register)
        connection.execute(delete(invitation))
        _add(connection, tables.promotion, [row for row in newer if row not in known])
        _add(connection, tables.halt, decided.halts)
        _carry_pool(connection, decided)
    carry_bills(connection, decided.bills)
    wrote(connection)
    keys = DatabaseSecrets(connection)
    with keys.changing():
        keys.replace(decided.data_keys, decided.secrets)


def _carry_pool(connection: Connection, decided: Decided) -> None:
    for table, rows in decided.pool.items():
        connection.execute(delete(table))
        _add(connection, table, rows)


def _rows(connection: Connection, table: Table) -> Sequence[RowMapping]:
    found = connection.execute(select(table).order_by(*table.primary_key)).mappings().all()
    connection.rollback()
    return found


def _told(row: RowMapping) -> dict[str, object]:
    """A row without its number."""
    return {name: value for name, value in row.items() if name != "id"}


def _add(connection: Connection, table: Table, rows: Sequence[Any]) -> None:
    if rows:
        connection.execute(upsert(table), [dict(row) for row in rows])
        count_on(connection, table)
