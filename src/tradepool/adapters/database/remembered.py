"""What a query found, kept until somebody has written since, in whatever process.

SQLite counts for each connection what others have committed (`pragma data_version`, about a microsecond); what this
connection writes to the same rows is counted beside it by who writes. A server counts nothing that could be read without
asking it, so there the query itself is asked each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError

from tradepool.adapters.database.engine import StoreUnusable, lost, place_of, reason_of
from tradepool.adapters.database.place import Place
from tradepool.runtime.clock import RealClock

T = TypeVar("T")
_OURS = "tradepool: own writes to the deployment's rows"
# A server that lets us wait, instead of refusing, is left alone for so many times as long: everything else waited, too.
LONG_MS, PATIENCE = 1_000, 5
_CLOCK = RealClock()
_away_until_ms: dict[Place, int] = {}


def wrote(connection: Connection) -> None:
    """Say that this connection has written to rows that are remembered."""
    connection.info[_OURS] = connection.info.get(_OURS, 0) + 1


def asked_again(connection: Connection, load: Callable[[], T]) -> T:
    """What is read, once more over a new connection where a server's broke: now, or under somebody who went on without a
    rollback. StoreUnusable where a server can't be asked; what a file says is raised as it is."""
    place, began_ms = place_of(connection), _CLOCK.now_ms()
    if began_ms < _away_until_ms.get(place, 0):
        raise StoreUnusable(path=place, why="it has not answered, and is asked again in a moment")
    try:
        try:
            return load()
        except (DBAPIError, PendingRollbackError) as error:
            connection.rollback()
            if isinstance(error, DBAPIError) and not lost(error):
                raise
            return load()
    except OperationalError as error:
        connection.rollback()
        if connection.dialect.name == "sqlite":
            raise
        now_ms = _CLOCK.now_ms()
        if (waited_ms := now_ms - began_ms) > LONG_MS:
            _away_until_ms[place] = now_ms + PATIENCE * waited_ms
        raise StoreUnusable(path=place, why=reason_of(error)) from error


class Remembered(Generic[T]):
    """Calls `load` only when something may have changed."""

    def __init__(self, connection: Connection, load: Callable[[], T]) -> None:
        """Nothing is loaded before it is asked for."""
        self._connection, self._load = connection, load
        self._version: tuple[int, int] | None = None
        self._value: T | None = None

    def __call__(self) -> T:
        """What the rows say now."""
        if self._connection.dialect.name != "sqlite":
            return asked_again(self._connection, self._load)
        raw = self._connection.connection.driver_connection
        assert raw is not None, "the connection is open"
        [others] = raw.execute("pragma data_version").fetchone()
        version = int(others), int(self._connection.info.get(_OURS, 0))
        if version != self._version or self._value is None:
            self._value, self._version = self._load(), version
        return self._value
