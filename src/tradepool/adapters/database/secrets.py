"""Sealed secrets and wrapped keys in the relational store. What is replaced is overwritten on the disk, not only forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import DBAPIError

from tradepool.adapters.database import pool_tables, tables
from tradepool.adapters.database.engine import place_of, transaction
from tradepool.domain.errors import TradepoolError
from tradepool.domain.ids import AccountId, UserId
from tradepool.ports.secrets import Place, SealedSecret, WrappedKey

# Said before a change, as its lock, and after it. SQLite overwrites deleted bytes, in this connection at least: an old key
# must not be found on the disk. A server keeps old rows until a table is written anew, which is told to it on a connection
# of its own; its log of writes and its own backups hold them for as long as those last.
_SQLITE = "pragma secure_delete=ON", "BEGIN IMMEDIATE", "pragma wal_checkpoint(TRUNCATE)"
_SERVER = "", "LOCK TABLE secret, data_key, pool_secret IN EXCLUSIVE MODE", ""
_ANEW = "VACUUM FULL secret, data_key, pool_secret"


class StillOnDisk(TradepoolError):
    """What was asked is done, but sealed keys that it replaced may still lie in {path}, which is in use by another process; stop that, and rotate once more."""


class DatabaseSecrets:
    """A `SecretStore`. Every call ends its transaction, but for those within `changing`."""

    def __init__(self, connection: Connection, *, later: bool = False) -> None:
        """`connection` comes from `engine.open_store`. If it is to be said `later`, no change raises StillOnDisk: it is `left`
        until another change has overwritten that, too."""
        self._connection, self._later = connection, later
        self._changing = False
        self.left: StillOnDisk | None = None

    def data_keys(self) -> Sequence[WrappedKey]:
        """Every user's data key, by user."""
        t = tables.data_key.c
        rows = self._connection.execute(select(t.user, t.master, t.nonce, t.wrapped).order_by(t.user)).all()
        self._end_read()
        return [
            WrappedKey(user=UserId(user), master=master, nonce=nonce, wrapped=wrapped)
            for user, master, nonce, wrapped in rows
        ]

    def secrets(self) -> Sequence[SealedSecret]:
        """Every secret, by place."""
        t = tables.secret.c
        query = select(t.user, t.account, t.field, t.version, t.nonce, t.sealed).order_by(t.account, t.field)
        rows = self._connection.execute(query).all()
        self._end_read()
        return [
            SealedSecret(
                place=Place(user=UserId(user), account=AccountId(account), field=field, version=version),
                nonce=nonce,
                sealed=sealed,
            )
            for user, account, field, version, nonce, sealed in rows
        ]

    def _end_read(self) -> None:
        if not self._changing:
            self._connection.rollback()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """One transaction, begun with the write lock. Raises StoreUnusable when the database can't be used; StillOnDisk, with
        all done, when what was replaced could not be overwritten."""
        sqlite = self._connection.dialect.name == "sqlite"
        before, lock, after = _SQLITE if sqlite else _SERVER
        self._say(before)
        try:
            with transaction(self._connection):
                self._connection.exec_driver_sql(lock)
                self._changing = True
                yield
        finally:
            self._changing = False
        busy = self._say(after) if sqlite else not self._written_anew()
        self.left = StillOnDisk(path=place_of(self._connection)) if busy else None
        if self.left is not None and not self._later:
            raise self.left

    def _written_anew(self) -> bool:
        """Whether a server could write the tables anew; no transaction may do that."""
        try:
            with self._connection.engine.connect() as other:
                other.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(_ANEW)
        except DBAPIError:
            return False
        return True

    def _say(self, statement: str) -> int:
        """The first number of the answer; 0 where nothing is asked or answered."""
        if not statement:
            return 0
        said = self._connection.exec_driver_sql(statement)
        first = said.first() if said.returns_rows else None
        self._connection.rollback()
        return int(first[0]) if first else 0

    def replace(self, keys: Sequence[WrappedKey], secrets: Sequence[SealedSecret]) -> None:
        """Make these the only ones there are, within `changing`."""
        assert self._changing, "replaced outside of a transaction"
        run = self._connection.execute
        run(delete(tables.secret))
        run(delete(tables.data_key))
        if keys:
            run(
                insert(tables.data_key),
                [{"user": k.user, "master": k.master, "nonce": k.nonce, "wrapped": k.wrapped} for k in keys],
            )
        if secrets:
            run(insert(tables.secret), [_row(held) for held in secrets])

    def forget_pool_secret(self) -> None:
        """Throw the pseudonyms' secret away, within `changing`: that only rotates it early."""
        assert self._changing, "forgotten outside of a transaction"
        self._connection.execute(delete(pool_tables.pool_secret))


def forget_all(connection: Connection) -> str:
    """No sealed key and no pseudonyms' secret stays in a store that is used no more: what is rotated or burnt later, where the books go on, must not lie
    here still. What is left to do about it, in words; "" where all is done. StoreUnusable."""
    keys = DatabaseSecrets(connection)
    try:
        with keys.changing():
            if connection.dialect.name != "sqlite":
                # A server would keep deleted rows until it vacuums; a table of which little changes, for ever.
                connection.exec_driver_sql("truncate secret, data_key, pool_secret")
            keys.replace([], [])
            keys.forget_pool_secret()
    except StillOnDisk:
        return f" Another process has {place_of(connection)} open: its log may hold sealed keys until it is deleted."
    return ""


def _row(held: SealedSecret) -> dict[str, object]:
    place = held.place
    at = {"user": place.user, "account": place.account, "field": place.field, "version": place.version}
    return {**at, "nonce": held.nonce, "sealed": held.sealed}
