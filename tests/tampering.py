"""What somebody with a hand on the database file can do: past the triggers that only let rows be added."""

from __future__ import annotations

import pysqlite3
from sqlalchemy import Connection

from tradepool.adapters.database import triggers
from tradepool.adapters.database.chain import SHA256, digest_of
from tradepool.adapters.database.tables import METADATA

_TRIGGERS = "select name from sqlite_master where type = 'trigger'"


def by_sql(connection: Connection, *statements: str) -> None:
    """Drop what would refuse them, run these statements, and leave no sign of having dropped anything."""
    connection.rollback()
    if connection.dialect.name != "sqlite":
        for table in METADATA.tables:
            connection.exec_driver_sql(f'alter table "{table}" disable trigger user')
        for statement in statements:
            connection.exec_driver_sql(statement)
        triggers.build(connection)
        connection.commit()
        return
    connection.exec_driver_sql("pragma foreign_keys=OFF")
    connection.commit()
    for (name,) in connection.exec_driver_sql(_TRIGGERS).all():
        connection.exec_driver_sql(f"drop trigger {name}")
    for statement in statements:
        connection.exec_driver_sql(statement)
    triggers.build(connection)
    connection.commit()
    connection.exec_driver_sql("pragma foreign_keys=ON")
    connection.rollback()


def unguarded(raw: pysqlite3.Connection) -> None:
    """The same for a plain connection to the file: what is run on it next is not refused."""
    for (name,) in raw.execute(_TRIGGERS).fetchall():
        raw.execute(f"drop trigger {name}")
    raw.create_function(SHA256, 1, digest_of, deterministic=True)
