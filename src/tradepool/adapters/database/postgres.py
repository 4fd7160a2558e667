"""The relational store on a PostgreSQL server: one URL, one schema in its database, and row-level security.

The driver is synchronous, as everything that writes to the store is: what many accounts decide in one turn of the loop is
one transaction (decision 33).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import URL, BigInteger, Connection, Engine, Integer, MetaData, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from tradepool.adapters.database import walls
from tradepool.domain.actor import PLATFORM, Actor
from tradepool.domain.errors import InvalidInput, TradepoolError

SCHEMA = "tradepool"
# `IS JSON` came with it.
VERSION_MIN = 16
# The loop waits for the store, so nothing may take for ever: a server that does not answer is an error.
CONNECT_S, ANSWER_S, LOCK_S = 5, 60, 10
_NAME = re.compile(r"[a-z0-9_]{1,60}")
_MIGRATING = 7_308_332


class NotAServer(InvalidInput):
    """The database URL {url} can't be used: {why}; write it as postgresql://role@host:5432/name."""


class ServerTooOld(TradepoolError):
    """PostgreSQL {version} is too old; tradepool needs {wanted} or newer."""


class NoWall(TradepoolError):
    """The role {role} passes by row-level security, so users' rows would be held apart by the code alone; connect as a role that is no superuser and has no BYPASSRLS (create role tradepool login; grant create on database {database} to tradepool)."""


@dataclass(frozen=True, slots=True)
class Server:
    """A deployment's place on a server. The URL holds no password: libpq takes it from PGPASSWORD, PGPASSFILE or a
    `passfile` in the URL.

    >>> Server("postgresql://trader@db.example/books").url
    'postgresql://trader@db.example/books'
    """

    url: str
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        """Raise NotAServer for an URL that can't be meant."""
        assert _NAME.fullmatch(self.schema), self.schema
        try:
            parsed = make_url(self.url)
        except ArgumentError as error:
            raise NotAServer(url="given", why="it is no URL") from error
        if parsed.password is not None or "password" in parsed.query:
            raise NotAServer(
                url=parsed.set(password=None, query={}).render_as_string(),
                why="a password does not belong in a configuration (use PGPASSFILE)",
            )
        if parsed.drivername not in ("postgresql", "postgres") or not parsed.database:
            raise NotAServer(url=self.url, why="it names no PostgreSQL database")

    def __str__(self) -> str:
        """As it is said to people."""
        return self.url

    def exists(self) -> bool:
        """Whether there are books is the server's to say; its place is there."""
        return True

    def with_schema(self, schema: str) -> Server:
        """Another place in the same database."""
        return replace(self, schema=schema)

    @property
    def dialled(self) -> URL:
        """For SQLAlchemy."""
        return make_url(self.url).set(drivername="postgresql+psycopg")


class _AnyInteger(BigInteger):
    """What is counted has 64 bits too, and a number is not cast: psycopg tells its width, by its value."""


def engine_of(server: Server, sync: Literal["FULL", "NORMAL"], actor: Actor) -> Engine:
    """Connections to it ask on behalf of that actor, from their first statement on; one that broke is made anew."""
    limits = {"connect_timeout": CONNECT_S, "tcp_user_timeout": ANSWER_S * 1_000}
    engine = create_engine(server.dialled, connect_args={**limits, "application_name": "tradepool"})
    engine.dialect.colspecs = {**engine.dialect.colspecs, Integer: _AnyInteger}
    settings = {
        walls.SETTING: walls.setting_of(actor),
        "search_path": server.schema,
        "synchronous_commit": "on" if sync == "FULL" else "off",
        "statement_timeout": f"{ANSWER_S}s",
        "lock_timeout": f"{LOCK_S}s",
        "client_min_messages": "warning",
    }

    @event.listens_for(engine, "connect")
    def _prepare(raw: object, _: ConnectionPoolEntry) -> None:
        with raw.cursor() as cursor:  # type: ignore[attr-defined]
            for name, value in settings.items():
                cursor.execute("select set_config(%s, %s, false)", (name, value))
        raw.commit()  # type: ignore[attr-defined]

    return engine


def prepare(connection: Connection, server: Server) -> None:
    """Make the schema where it is not there; only one process migrates at a time. ServerTooOld, NoWall."""
    asked = connection.exec_driver_sql(
        "select current_setting('server_version_num')::int / 10000, current_setting('server_version'), current_user, "
        "(select rolsuper or rolbypassrls from pg_roles where rolname = current_user), "
        f"to_regnamespace('{server.schema}') is not null"
    )
    version, told, role, passes_by, there = asked.one()
    if version < VERSION_MIN:
        raise ServerTooOld(version=told, wanted=VERSION_MIN)
    if passes_by:
        raise NoWall(role=role, database=server.dialled.database)
    connection.exec_driver_sql(f"select pg_advisory_xact_lock({_MIGRATING})")
    if not there:
        connection.exec_driver_sql(f"create schema if not exists {server.schema}")
    # Until this transaction ends: who migrates sees all rows, whoever opened the store.
    connection.exec_driver_sql("select set_config(%s, %s, true)", (walls.SETTING, walls.setting_of(PLATFORM)))


def build_walls(connection: Connection, metadata: MetaData) -> None:
    """Row-level security of every table, as `walls` declares it now."""
    for table in metadata.sorted_tables:
        for statement in walls.statements(table):
            connection.exec_driver_sql(statement)
