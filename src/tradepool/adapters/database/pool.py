"""Whose trades are in the pool: consents, each user's list of ids, what was withdrawn, and the pseudonyms' secret.

The pool knows no users and this knows no returns. A user's list is what finds his trades when he withdraws; with that it is
gone, and only the ids are left, until they are out of the pool too. What is deleted here is overwritten on the disk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from tradepool.adapters.database import pool_tables, tables
from tradepool.adapters.database.engine import transaction
from tradepool.adapters.database.remembered import asked_again
from tradepool.domain.ids import AccountId, MarketId, UserId
from tradepool.domain.trade import Trade
from tradepool.ports.secrets import WrappedKey

# What a user consents to, by its number: the words are in docs/guides/pool.md. Other words need another consent.
WORDING = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A user's word on the pool, given or taken back; `by` is who wrote it down, `wording` what it was said to."""

    user: UserId
    time_ms: int
    given: bool
    by: str
    wording: int = WORDING

    @property
    def holds(self) -> bool:
        """Whether his trades may be pooled: it was given, to the words that are in force."""
        return self.given and self.wording == WORDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A trade on its user's list: `id` is its name in the pool, the rest finds it in his books.

    `world` is the practice exchange's, as times come again in the next one; "" where there is only one.
    """

    id: str
    user: UserId
    world: str
    account: AccountId
    market: MarketId
    entry_ms: int
    exit_ms: int

    @classmethod
    def of(cls, trade: Trade, id: str, user: UserId, world: str) -> Listed:
        """A trade of a user's."""
        return cls(
            id=id,
            user=user,
            world=world,
            account=trade.account,
            market=trade.market,
            entry_ms=trade.entry_time_ms,
            exit_ms=trade.exit_time_ms,
        )

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """Which trade it is, whatever it is called."""
        return self.world, self.account, self.market, self.entry_ms, self.exit_ms


@dataclass(frozen=True, slots=True)
class HeldSecret:
    """The pseudonyms' secret, wrapped, and when it was made."""

    made_ms: int
    key: WrappedKey


class DatabasePool:
    """Every call is one transaction. StoreUnusable when the database can't be used."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`."""
        self._connection = connection

    # ---- consent

    def say(self, consent: Consent) -> None:
        """Write a user's word down; when he takes it back, his trades are withdrawn with it."""
        row = {name: getattr(consent, name) for name in Consent.__slots__} | {"given": int(consent.given)}
        with self._forgetting():
            self._connection.execute(insert(pool_tables.pool_consent), row)
            if not consent.given:
                self._bury({consent.user})

    def consents(self) -> dict[UserId, Consent]:
        """Each user's last word."""
        t = pool_tables.pool_consent.c
        query = select(t.user, t.time_ms, t.given, t.by, t.wording).order_by(t.id)
        rows = asked_again(self._connection, lambda: self._connection.execute(query).all())
        self._connection.rollback()
        return {
            UserId(user): Consent(user=UserId(user), time_ms=time_ms, given=bool(given), by=by, wording=wording)
            for user, time_ms, given, by, wording in rows
        }

    def willing(self) -> set[UserId]:
        """The users whose trades may be pooled."""
        return {user for user, consent in self.consents().items() if consent.holds}

    # ---- lists

    def accounts(self, users: Collection[UserId]) -> dict[AccountId, UserId]:
        """The accounts of users that were ever traded."""
        t = tables.account.c
        rows = self._connection.execute(select(t.id, t.user).order_by(t.id)).all()
        self._connection.rollback()
        return {AccountId(account): UserId(user) for account, user in rows if user in users}

    def listed(self) -> list[Listed]:
        """Everybody's lists."""
        t = pool_tables.pooled_trade.c
        query = select(*(t[name] for name in Listed.__slots__)).order_by(t.id)
        rows = asked_again(self._connection, lambda: self._connection.execute(query).mappings().all())
        self._connection.rollback()
        return [Listed(**row) for row in rows]

    def add(self, trades: Sequence[Listed]) -> None:
        """Put trades on their users' lists: from now on they are to be in the pool, once."""
        if trades:
            with transaction(self._connection):
                rows = [{name: getattr(trade, name) for name in Listed.__slots__} for trade in trades]
                self._connection.execute(insert(pool_tables.pooled_trade), rows)

    # ---- withdrawal

    def bury_unwilling(self) -> None:
        """Withdraw what is on the list of anybody who does not consent: a word taken back while trades were listed."""
        unwilling = {trade.user for trade in self.listed()} - self.willing()
        if unwilling:
            with self._forgetting():
                self._bury(unwilling)

    def tombstones(self) -> set[str]:
        """Ids that were withdrawn and may still be in the pool's file: no query may show them."""
        query = select(pool_tables.pool_tombstone.c.id)
        found = set(asked_again(self._connection, lambda: self._connection.execute(query).scalars().all()))
        self._connection.rollback()
        return found

    def forget(self, ids: Collection[str]) -> None:
        """These are in no file any more."""
        if ids:
            t = pool_tables.pool_tombstone
            with self._forgetting():
                rows = [{"gone": each} for each in ids]
                self._connection.execute(delete(t).where(t.c.id == bindparam("gone")), rows)

    def _bury(self, users: Collection[UserId]) -> None:
        t = pool_tables.pooled_trade
        ids = list(self._connection.execute(select(t.c.id).where(t.c.user.in_(users))).scalars())
        if ids:
            self._connection.execute(insert(pool_tables.pool_tombstone), [{"id": each} for each in ids])
            self._connection.execute(delete(t).where(t.c.user.in_(users)))

    # ---- the secret

    def secret(self) -> HeldSecret | None:
        """The secret that pseudonyms are made with; None before the first."""
        t = pool_tables.pool_secret.c
        row = self._connection.execute(select(t.user, t.made_ms, t.master, t.nonce, t.wrapped)).first()
        self._connection.rollback()
        if row is None:
            return None
        user, made_ms, master, nonce, wrapped = row
        return HeldSecret(made_ms, WrappedKey(user=UserId(user), master=master, nonce=nonce, wrapped=wrapped))

    def keep_secret(self, secret: HeldSecret) -> None:
        """Make this the only one there is."""
        key = secret.key
        row = {"user": key.user, "made_ms": secret.made_ms, "master": key.master}
        with self._forgetting():
            self._connection.execute(delete(pool_tables.pool_secret))
            self._connection.execute(
                insert(pool_tables.pool_secret), row | {"nonce": key.nonce, "wrapped": key.wrapped}
            )

    def forget_secret(self, until_ms: int) -> None:
        """Throw the secret away if it was made by then: no master key is needed for that."""
        held = self.secret()
        if held is not None and held.made_ms <= until_ms:
            with self._forgetting():
                self._connection.execute(delete(pool_tables.pool_secret))

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        """One transaction, after which what it deleted is not on the disk any more (SQLite)."""
        run, is_sqlite = self._connection.exec_driver_sql, self._connection.dialect.name == "sqlite"
        if is_sqlite:
            run("pragma secure_delete=ON")
            self._connection.rollback()
        with transaction(self._connection):
            yield
        if is_sqlite:
            run("pragma wal_checkpoint(TRUNCATE)")
            self._connection.rollback()
