"""What people decided goes with a deployment from one database to the next: its books begin anew or go back, these don't."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, delete, insert, select

from tradepool.adapters.database import pool_tables, tables
from tradepool.adapters.database.carry_bills import Bills, bills_in, carry_bills
from tradepool.adapters.database.chain import PROMOTION, REGISTER, Chained, linked, links
from tradepool.adapters.database.copying import count_on
from tradepool.adapters.database.engine import transaction
from tradepool.adapters.database.people_tables import invitation
from tradepool.adapters.database.remembered import wrote
from tradepool.adapters.database.secrets import DatabaseSecrets
from tradepool.adapters.database.sql import upsert
from tradepool.adapters.database.vault_tables import key_look
from tradepool.ports.secrets import SealedSecret, WrappedKey
from tradepool.runtime import telemetry

log = telemetry.logger(__name__)

# As they are now, whatever an older copy says. Of the pool: what was withdrawn stays so.
ALWAYS = (
    pool_tables.pool_consent,
    pool_tables.pooled_trade,
    pool_tables.pool_tombstone,
    pool_tables.pool_secret,
    tables.risk_setting,
)
# What a limit was reached by, what is suspended and how a key was found, too: while the books go on.
AS_THEY_ARE = (
    *ALWAYS,
    tables.risk_trip,
    tables.risk_peak,
    tables.risk_resumed,
    tables.suspension,
    key_look,
)


@dataclass(frozen=True, slots=True)
class Decided:
    """Rows of a database: people and their accounts' numbers, who goes how far, halts, what was done; the keys it holds; what
    stands as it is now, and what users owe."""

    register: Sequence[RowMapping]
    users: Sequence[RowMapping]
    accounts: Sequence[RowMapping]
    promotions: Sequence[RowMapping]
    halts: Sequence[RowMapping]
    audit: Sequence[RowMapping]
    data_keys: Sequence[WrappedKey]
    secrets: Sequence[SealedSecret]
    now: Mapping[Table, Sequence[RowMapping]]
    bills: Bills


def decided_in(connection: Connection) -> Decided:
    """Read them. Raises SQLAlchemy's DBAPIError where a page of them can't be read."""
    keys = DatabaseSecrets(connection)
    return Decided(
        register=_standing(connection, REGISTER),
        users=_rows(connection, tables.user),
        accounts=_rows(connection, tables.account),
        promotions=_standing(connection, PROMOTION),
        halts=_rows(connection, tables.halt),
        audit=_rows(connection, tables.audit),
        data_keys=keys.data_keys(),
        secrets=keys.secrets(),
        now={table: _rows(connection, table) for table in AS_THEY_ARE},
        bills=bills_in(connection),
    )


def carry_settings(connection: Connection, decided: Decided) -> None:
    """People, promotions and set limits into books that begin anew. StoreUnusable."""
    with transaction(connection):
        _link_versions(connection, decided.register)
        _link_promotions(connection, decided.promotions)
        _as_now(connection, decided, ALWAYS)
    wrote(connection)


def carry_newer(connection: Connection, decided: Decided) -> None:
    """What was decided after a copy was made, into that copy. StoreUnusable.

    People, promotions, halts, deeds and charges that it does not know are added. Accounts keep their numbers, by which their orders at the venue are known. Limits, what was reached and what is
    suspended stand as they do now, and keys are those that are held now: one that was burnt since stays burnt.
    """
    with transaction(connection):
        _link_versions(connection, decided.register)
        _add(connection, tables.user, decided.users)
        _add_accounts(connection, decided.accounts)
        _link_promotions(connection, decided.promotions)
        _add(connection, tables.halt, decided.halts)
        _as_now(connection, decided, AS_THEY_ARE)
        _go_on(connection, decided.audit)
    carry_bills(connection, decided.bills)
    wrote(connection)
    keys = DatabaseSecrets(connection)
    with keys.changing():
        keys.replace(decided.data_keys, decided.secrets)


def void_invitations(connection: Connection) -> None:
    """Nobody knows which of a copy's were used since. StoreUnusable."""
    with transaction(connection):
        connection.execute(delete(invitation))


def _as_now(connection: Connection, decided: Decided, which: Sequence[Table]) -> None:
    for table in which:
        connection.execute(delete(table))
        _add(connection, table, decided.now[table])


def _add_accounts(connection: Connection, accounts: Sequence[RowMapping]) -> None:
    t = tables.account.c
    known = {cell for row in connection.execute(select(t.id, t.number)) for cell in row}
    _add(connection, tables.account, [row for row in accounts if not known & {row["id"], row["number"]}])


def _go_on(connection: Connection, deeds: Sequence[RowMapping]) -> None:
    """The audit's chain goes on with the deeds that follow its last one; a chain that is another one stays as it is."""
    t = tables.audit.c
    last = connection.execute(select(t.id, t.digest).order_by(t.id.desc()).limit(1)).first()
    number, digest = (0, "") if last is None else last
    if number == 0 or any((deed["id"], deed["digest"]) == (number, digest) for deed in deeds):
        newer = [dict(deed) for deed in deeds if deed["id"] > number]
        if newer:
            connection.execute(insert(tables.audit), newer)


def _link_versions(connection: Connection, rows: Sequence[RowMapping]) -> None:
    """Versions that are not there go on from those that are; where both have gone on, by the number after the newest."""
    known = _known(connection, REGISTER)
    newest = {(row["thing"], row["name"]): row["version"] for row in known}
    for row in (_told(REGISTER, each) for each in rows):
        if row not in known:
            of = row["thing"], row["name"]
            newest[of] = max(row["version"], newest.get(of, 0) + 1)
            connection.execute(linked(REGISTER, row | {"version": newest[of]}))


def _link_promotions(connection: Connection, rows: Sequence[RowMapping]) -> None:
    known = _known(connection, PROMOTION)
    for row in (_told(PROMOTION, each) for each in rows):
        if row not in known:
            connection.execute(linked(PROMOTION, row))


def _known(connection: Connection, chained: Chained) -> list[dict[str, Any]]:
    return [_told(chained, row) for row in connection.execute(select(chained.table)).mappings()]


def _standing(connection: Connection, chained: Chained) -> Sequence[RowMapping]:
    """The rows that are links of their chain. One that somebody has written past us is left behind, and named in the log:
    else it would be a sound link of the next chain."""
    rows = list(links(connection, chained))
    connection.rollback()
    for row, stands in rows:
        if not stands:
            log.warning("a row is not carried over: it does not follow", table=chained.table.name, row=row["id"])
    return [row for row, stands in rows if stands]


def _rows(connection: Connection, table: Table) -> Sequence[RowMapping]:
    found = connection.execute(select(table).order_by(*table.primary_key)).mappings().all()
    connection.rollback()
    return found


def _told(chained: Chained, row: RowMapping) -> dict[str, Any]:
    """A row without its number and its link."""
    return {name: row[name] for name in chained.told}


def _add(connection: Connection, table: Table, rows: Sequence[Any]) -> None:
    if rows:
        connection.execute(upsert(table), [dict(row) for row in rows])
        count_on(connection, table)
