"""Opening the relational store, SQLite embedded or PostgreSQL, migrated to the newest schema: one writing connection."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Literal

import pysqlite3
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from tradepool.adapters.database import (  # noqa: F401  in force, and their tables in METADATA, wherever a store is open
    people_tables,
    pool_tables,
    postgres,
    price_tables,
    sql,
    sqlite_walls,
    triggers,
    vault_tables,
)
from tradepool.adapters.database.chain import SHA256, digest_of
from tradepool.adapters.database.place import Place, Server
from tradepool.adapters.database.tables import METADATA
from tradepool.domain.actor import PLATFORM, Actor
from tradepool.domain.errors import TradepoolError

SQLITE_MIN = (3, 51, 3)
# 16 MiB of them: with SQLite's 1,000 a burst's pages, which are the same few hundred again and again, would be copied to
# their places, and synced there, after every fourth transaction.
LOG_PAGES = 4_000
Sync = Literal["FULL", "NORMAL"]


class SqliteTooOld(TradepoolError):
    """SQLite {version} can corrupt a database under load; tradepool needs 3.51.3 or newer: reinstall pysqlite3."""


class StoreUnusable(TradepoolError):
    """The database {path} can't be used: {why}; check that the folder is writable and the disk is not full, or that the server is up."""


class StoreTooNew(TradepoolError):
    """The database {path} was last opened by a newer version ({why}); upgrade tradepool."""


def open_store(place: Place, sync: Sync = "FULL", actor: Actor = PLATFORM, alone: str = "") -> Connection:
    """Open (or create) the store and bring its schema up to date; the one connection that may write.

    `FULL` survives a power cut, `NORMAL` a crash of the process only. Whatever is asked on it is asked by `actor`. On a server
    nobody else may open it meanwhile to be `alone` with the same name: who trades. For a file, its folder's lock does that.
    Raises SqliteTooOld, ServerTooOld, NoWall, TradedElsewhere, StoreUnusable, StoreTooNew.
    """
    engine = _engine(place, sync, actor, alone)
    # Kept with the engine: it outlives a connection that breaks.
    engine.update_execution_options(tradepool_actor=actor, tradepool_place=place)
    with ExitStack() as undone:
        undone.callback(engine.dispose)
        try:
            connection = _connected(engine, place)
            undone.callback(connection.close)
            if isinstance(place, Server):
                _prepare_server(connection, place)
            else:
                _migrate(connection)
            connection.commit()
        except DBAPIError as error:
            raise StoreUnusable(path=place, why=reason_of(error)) from error
        except CommandError as error:
            raise StoreTooNew(path=place, why=error) from error
        undone.pop_all()
    return connection


def _connected(engine: Engine, place: Place) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        if postgres.is_held(error):
            raise postgres.TradedElsewhere(place=place) from error
        raise


def revision_at(place: Place) -> str:
    """The newest change of the schema that a store has, before it is opened, which brings it up to date; "" where there is
    none. StoreUnusable."""
    if not place.exists():
        return ""
    engine = _engine(place, "FULL", PLATFORM)
    try:
        with engine.connect() as connection:
            return revision_of(connection)
    except DBAPIError as error:
        raise StoreUnusable(path=place, why=reason_of(error)) from error
    finally:
        engine.dispose()


def is_older(place: Place) -> bool:
    """Whether there is a store whose schema `open_store` would bring up to date. StoreUnusable."""
    return "" < revision_at(place) < (_newest() or "")


def place_of(connection: Connection) -> Place:
    """Where it was opened."""
    place = connection.engine.get_execution_options()["tradepool_place"]
    assert isinstance(place, Path | Server)
    return place


def reason_of(error: DBAPIError) -> str:
    """What the database said, in one line."""
    return str(error.orig).partition("\n")[0]


def lost(error: BaseException | None) -> bool:
    """Whether a server's connection broke; the next statement is asked over a new one."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def end_broken(connection: Connection) -> None:
    """Before a write: what somebody read when a server's connection broke is over, and he was told. Without this the next
    statement would be refused, instead of being asked over a new connection."""
    if connection.invalidated:
        connection.rollback()


def actor_of(connection: Connection) -> Actor:
    """On whose behalf a connection reads and writes."""
    actor = connection.engine.get_execution_options()["tradepool_actor"]
    assert isinstance(actor, Actor)
    return actor


def make_private(path: Path) -> None:
    """An empty file that only its owner reads, where there is none: what SQLite makes itself, all may read.

    One that is there is not opened: closing it would end the locks that this process has on it. What can't be made is
    left to SQLite to say.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _engine(place: Place, sync: Sync, actor: Actor, alone: str = "") -> Engine:
    return _sqlite(place, sync, actor) if isinstance(place, Path) else postgres.engine_of(place, sync, actor, alone)


def _sqlite(path: Path, sync: Sync, actor: Actor) -> Engine:
    if not actor.sees_all:
        # Who migrates sees all rows, whoever opened the store.
        dispose(open_store(path, sync))
    if pysqlite3.sqlite_version_info < SQLITE_MIN:
        raise SqliteTooOld(version=pysqlite3.sqlite_version)
    make_private(path)
    engine = create_engine(f"sqlite+pysqlite:///{path}", module=pysqlite3)
    event.listen(engine, "connect", lambda raw, _: _prepare(raw, sync))
    if not actor.sees_all:
        sqlite_walls.stand_around(engine, actor)
    return engine


def _prepare(raw: pysqlite3.Connection, sync: Sync) -> None:
    raw.execute("pragma journal_mode=WAL")
    raw.execute(f"pragma synchronous={sync}")
    raw.execute(f"pragma wal_autocheckpoint={LOG_PAGES}")
    raw.execute("pragma foreign_keys=ON")
    # Else what a REPLACE removes would pass the triggers that refuse to remove it.
    raw.execute("pragma recursive_triggers=ON")
    raw.create_function(SHA256, 1, digest_of, deterministic=True)


def revision_of(connection: Connection) -> str:
    """The newest change of the schema that a store has; "" for an empty one."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def _prepare_server(connection: Connection, server: Server) -> None:
    postgres.prepare(connection, server)
    before = revision_of(connection)
    _migrate(connection)
    if revision_of(connection) != before:
        postgres.build_walls(connection, METADATA)


def _migrate(connection: Connection) -> None:
    # Alembic reads every script anew whenever it is asked; most stores are up to date.
    if revision_of(connection) != _newest():
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        triggers.build(connection)


@cache
def _newest() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All or nothing of what is written inside. StoreUnusable when the database can't be used."""
    end_broken(connection)
    try:
        yield
        connection.commit()
    except DBAPIError as error:
        raise StoreUnusable(path=place_of(connection), why=reason_of(error)) from error
    finally:
        # Nothing, after a commit.
        connection.rollback()


def dispose(connection: Connection) -> None:
    """Close the connection and its engine."""
    engine: Engine = connection.engine
    connection.close()
    engine.dispose()
