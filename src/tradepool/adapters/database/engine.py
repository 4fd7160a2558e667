"""Opening the relational store: SQLite embedded, one writing connection, migrated to the newest schema."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import pysqlite3
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from tradepool.adapters.database.chain import SHA256, digest_of
from tradepool.domain.actor import PLATFORM, Actor
from tradepool.domain.errors import TradepoolError

SQLITE_MIN = (3, 51, 3)
Sync = Literal["FULL", "NORMAL"]


class SqliteTooOld(TradepoolError):
    """SQLite {version} can corrupt a database under load; tradepool needs 3.51.3 or newer: reinstall pysqlite3."""


class StoreUnusable(TradepoolError):
    """The database {path} can't be used: {why}; check that the folder is writable and the disk is not full."""


class StoreTooNew(TradepoolError):
    """The database {path} was last opened by a newer version ({why}); upgrade tradepool."""


def open_store(path: Path, sync: Sync = "FULL", actor: Actor = PLATFORM) -> Connection:
    """Open (or create) the database file and bring its schema up to date; the one connection that may write.

    `FULL` survives a power cut, `NORMAL` a crash of the process only. Whatever is asked on it is asked by `actor`.
    """
    if pysqlite3.sqlite_version_info < SQLITE_MIN:
        raise SqliteTooOld(version=pysqlite3.sqlite_version)
    make_private(path)
    engine = create_engine(f"sqlite+pysqlite:///{path}", module=pysqlite3)
    event.listen(engine, "connect", lambda raw, _: _prepare(raw, sync))
    try:
        connection = engine.connect()
        connection.info["actor"] = actor
        _migrate(connection)
    except DBAPIError as error:
        engine.dispose()
        raise StoreUnusable(path=path, why=error.orig) from error
    except CommandError as error:
        engine.dispose()
        raise StoreTooNew(path=path, why=error) from error
    return connection


def actor_of(connection: Connection) -> Actor:
    """On whose behalf a connection reads and writes."""
    actor = connection.info["actor"]
    assert isinstance(actor, Actor)
    return actor


def make_private(path: Path) -> None:
    """An empty file that only its owner reads, where there is none: what SQLite makes itself, all may read.

    One that is there is not opened: closing it would end the locks that this process has on it. What can't be made is
    left to SQLite to say.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _prepare(raw: pysqlite3.Connection, sync: Sync) -> None:
    raw.execute("pragma journal_mode=WAL")
    raw.execute(f"pragma synchronous={sync}")
    raw.execute("pragma foreign_keys=ON")
    # Else what a REPLACE removes would pass the triggers that refuse to remove it.
    raw.execute("pragma recursive_triggers=ON")
    raw.create_function(SHA256, 1, digest_of, deterministic=True)


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All or nothing of what is written inside. StoreUnusable when the database can't be used."""
    try:
        yield
        connection.commit()
    except DBAPIError as error:
        raise StoreUnusable(path=connection.engine.url.database, why=error.orig) from error
    finally:
        # Nothing, after a commit.
        connection.rollback()


def dispose(connection: Connection) -> None:
    """Close the connection and its engine."""
    engine: Engine = connection.engine
    connection.close()
    engine.dispose()
