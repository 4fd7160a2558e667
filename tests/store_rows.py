"""A row of each table there is, for a user: whatever table is added has one too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, Integer, LargeBinary, Table, insert

from tradepool.adapters.database.chain import CHAINED, linked
from tradepool.adapters.database.tables import METADATA

USERS = ("ann", "bob")
PARTS = {"user": "{}", "account": "{}-main", "mandate": "{}-first"}
PLAIN: dict[str, dict[str, object]] = {
    "halt": {"kind": "user"},
    "event": {"kind": "MandateChanged", "body": '{{"mandate":{{"id":"{}-first"}}}}'},
    "ledger_entry": {"transfers": '[["venue","capital","USDT","12.50","deposit"]]'},
    "deployment": {"moved_to": "", **{chained.counter: 0 for chained in CHAINED}},
    "risk_setting": {"key": "user.{}.exposure_max"},
}


def row_of(table: Table, user: str) -> dict[str, object]:
    """A row that is that user's, by every text in it."""
    number = "abcdefghijklmnopqrstuvwxyz".index(user[0]) + 1
    plain = {
        name: value.format(user) if isinstance(value, str) else value
        for name, value in PLAIN.get(table.name, {}).items()
    }
    return {column.name: _value(table, column, user, number) for column in table.c} | plain


def _value(table: Table, column: Column[Any], user: str, number: int) -> object:
    if isinstance(column.type, Integer):
        return number
    if isinstance(column.type, LargeBinary):
        return f"{user} \x00".encode() + bytes(range(256))
    named = next((key.column.table.name for key in column.foreign_keys), column.name)
    if column.name == "id":
        named = table.name
    return PARTS.get(named, user if named in ("by", "name") else "{}-" + named).format(user)


def fill(connection: Connection, users: Sequence[str] = USERS) -> None:
    """A row of each table for each user, committed. A deployment is one."""
    links = {chained.table: chained for chained in CHAINED}
    for table in METADATA.sorted_tables:
        for user in users[:1] if table.name == "deployment" else users:
            row = row_of(table, user)
            connection.execute(linked(links[table], row) if table in links else insert(table).values(row))
    connection.commit()
