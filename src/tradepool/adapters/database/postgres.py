"""The relational store on a PostgreSQL server: one URL, one schema in its database, and row-level security.

The driver is synchronous, as everything that writes to the store is: what many accounts decide in one turn of the loop is
one transaction (decision 33).
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import Literal

import psycopg
from sqlalchemy import URL, BigInteger, Connection, Engine, Integer, MetaData, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from tradepool.adapters.database import walls
from tradepool.adapters.database.place import Server
from tradepool.domain.actor import PLATFORM, Actor
from tradepool.domain.errors import TradepoolError

# `IS JSON` came with it.
VERSION_MIN = 16
# The loop waits for the store, so nothing may take for ever: a server that does not answer is an error.
CONNECT_S, ANSWER_S, LOCK_S = 5, 60, 10
LOCAL = ("/", "localhost", "127.", "::1")
_MIGRATING, _TRADING = 7_308_332, 7_308_333
_TRIED = f"select pg_try_advisory_lock({_TRADING}, hashtext(%s))"
# Of a machine that died without a word the server knows after so long: 30 s, and three questions 10 s apart.
_KEEP_ALIVE = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# A connection of ours that broke here may stand there still.
_END = "select pg_terminate_backend(pid, 1000) from pg_stat_activity where (pid, backend_start) = (%s, %s)"
_MINE = "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()"


class ServerTooOld(TradepoolError):
    """PostgreSQL {version} is too old; tradepool needs {wanted} or newer."""


class NoWall(TradepoolError):
    """The role {role} passes by row-level security, so users' rows would be held apart by the code alone; connect as a role that is no superuser and has no BYPASSRLS (create role tradepool login; grant create on database {database} to tradepool)."""


class TradedElsewhere(TradepoolError):
    """Another process, on another machine or with another folder, trades this deployment on the books at {place}: run tradepool stop there first. A machine that died without a word is forgotten by the server after a minute."""


class _AnyInteger(BigInteger):
    """What is counted has 64 bits too, and a number is not cast: psycopg tells its width, by its value."""


def dialled(server: Server) -> URL:
    """As the driver takes it. A server on another machine has to prove who it is, unless the URL says otherwise.

    >>> dialled(Server("postgresql://trader@db.example/books")).query["sslmode"]
    'verify-full'
    >>> "sslmode" in dialled(Server("postgresql://trader@127.0.0.1/books")).query
    False
    """
    url = make_url(server.url).set(drivername="postgresql+psycopg")
    host = url.query.get("host", url.host) or ""
    if "sslmode" in url.query or str(host).startswith(LOCAL) or not host:
        return url
    return url.update_query_dict({"sslmode": "verify-full"})


def engine_of(server: Server, sync: Literal["FULL", "NORMAL"], actor: Actor, alone: str = "") -> Engine:
    """Connections to it ask on behalf of that actor, from their first statement on; one that broke is made anew.

    `alone` names what nobody else may have a connection for that is alone, too: the first waits LOCK_S for another's to end,
    one that is made anew is refused while somebody else has it.
    """
    limits = {"connect_timeout": CONNECT_S, "tcp_user_timeout": ANSWER_S * 1_000}
    # Who is alone has one connection at a time.
    few = {"pool_size": 1, "max_overflow": 0, "pool_timeout": CONNECT_S} if alone else {}
    engine = create_engine(dialled(server), connect_args={**limits, "application_name": "tradepool"}, **few)
    engine.dialect.colspecs = {**engine.dialect.colspecs, Integer: _AnyInteger}
    settings = {
        walls.SETTING: walls.setting_of(actor),
        "search_path": server.schema,
        "synchronous_commit": "on" if sync == "FULL" else "off",
        "statement_timeout": f"{ANSWER_S}s",
        "lock_timeout": f"{LOCK_S}s",
        "idle_in_transaction_session_timeout": "0",
        "client_min_messages": "warning",
        **_KEEP_ALIVE,
    }
    before = list[tuple[object, ...]]()
    locks = chain([f"select pg_advisory_lock({_TRADING}, hashtext(%s))"], repeat(_TRIED))

    @event.listens_for(engine, "connect")
    def _prepare(raw: object, _: ConnectionPoolEntry) -> None:
        with raw.cursor() as cursor:  # type: ignore[attr-defined]
            for name, value in settings.items():
                cursor.execute("select set_config(%s, %s, false)", (name, value))
            if alone:
                for last in before:
                    cursor.execute(_END, last)
                cursor.execute(next(locks), (f"{server.schema} {alone}",))
                if cursor.fetchone()[0] is False:
                    raise psycopg.errors.LockNotAvailable("another process trades this deployment")
                before[:] = cursor.execute(_MINE).fetchall()
        raw.commit()  # type: ignore[attr-defined]

    return engine


def is_held(error: DBAPIError) -> bool:
    """Whether somebody else has what a connection was to have alone."""
    return isinstance(error.orig, psycopg.errors.LockNotAvailable)


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
        raise NoWall(role=role, database=connection.engine.url.database)
    connection.exec_driver_sql(f"select pg_advisory_xact_lock({_MIGRATING})")
    if not there:
        connection.exec_driver_sql(f"create schema if not exists {server.schema}")
    # Until this transaction ends: who migrates sees all rows, whoever opened the store.
    connection.exec_driver_sql("select set_config(%s, %s, true)", (walls.SETTING, walls.setting_of(PLATFORM)))


def build_walls(connection: Connection, metadata: MetaData) -> None:
    """Row-level security of every table, as `walls` declares it now."""
    for table in metadata.sorted_tables:
        for statement in walls.statements(table):
            connection.exec_driver_sql(statement.replace("%", "%%"))
