"""Whose database it is, which instance trades on it, what is halted, and what people did.

Read and written by the trading process and by commands beside it: what one commits, the other reads at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Executable, delete, func, insert, select, update

from tradepool.adapters.database import tables
from tradepool.adapters.database.chain import audited
from tradepool.adapters.database.engine import place_of, transaction
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.remembered import Remembered, wrote
from tradepool.adapters.database.sql import upsert
from tradepool.domain.deed import Deed
from tradepool.domain.deployment import Deployment, Halt, Kind, Scope, ScopeKind
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.user import Account, Role, User

__all__ = ["DatabaseDeployment", "Deed", "FencedJournal", "Replaced", "WrongDatabase"]

_EPOCH_HELD = select(tables.deployment.c.epoch).with_for_update(read=True)


class WrongDatabase(TradepoolError):
    """The database {path} belongs to the {held_kind} deployment {held}, and the configuration is of the {kind} deployment {id}; correct deployment.folder: nothing was done with it."""


class Moved(TradepoolError):
    """The books in {path} were moved to {to} and go on there; write database = "{to}" under [deployment], or move them back from there (tradepool store move)."""


class OtherOwner(InvalidInput):
    """Nothing was done: [accounts.{account}] says user = "{user}", and its books are {owner}'s; write {owner} there again, and give {user} an account of another name."""


class Replaced(TradepoolError):
    """Instance {newer} has taken this deployment over; this one, {epoch}, trades no more: start again."""


class DatabaseDeployment:
    """The deployment's own rows; every call is one transaction. StoreUnusable when the database can't be used."""

    def __init__(self, connection: Connection, deployment: Deployment) -> None:
        """Take an empty database for this deployment. Raises WrongDatabase for another one's, Moved for an old one."""
        self._connection = connection
        # Both are asked for before each entry.
        self._halts, self._epoch = Remembered(connection, self._load_halts), Remembered(connection, self._load_epoch)
        t = tables.deployment.c
        held = connection.execute(select(t.id, t.kind, t.moved_to)).first()
        connection.rollback()
        if held is None:
            row = {"id": deployment.id, "kind": deployment.kind.value, "world": "", "epoch": 0, "audited": 0}
            self._write(insert(tables.deployment).values(row))
        elif (held[0], Kind(held[1])) != (deployment.id, deployment.kind):
            path = place_of(connection)
            raise WrongDatabase(
                path=path, held=held[0], held_kind=held[1], id=deployment.id, kind=deployment.kind.value
            )
        elif held[2]:
            raise Moved(path=place_of(connection), to=held[2])

    def _write(self, *statements: Executable) -> None:
        with transaction(self._connection):
            for statement in statements:
                self._connection.execute(statement)
        wrote(self._connection)

    # ---- which world, which instance

    @property
    def world(self) -> str:
        """The practice exchange whose books these are; "" before the first one, and for real venues."""
        return str(self._one(select(tables.deployment.c.world)))

    def enter(self, world: str) -> None:
        """These are the books of that practice exchange from now on."""
        self._write(update(tables.deployment).values(world=world))

    @property
    def epoch(self) -> int:
        """The newest instance; whoever has a lower number has been replaced."""
        return self._epoch()

    def _load_epoch(self) -> int:
        return int(str(self._one(select(tables.deployment.c.epoch))))

    def next_epoch(self) -> int:
        """Replace every instance there is: the number of the new one, which two that begin at once never share."""
        t = tables.deployment.c
        with transaction(self._connection):
            newest = self._connection.execute(
                update(tables.deployment).values(epoch=t.epoch + 1).returning(t.epoch)
            ).scalar_one()
        wrote(self._connection)
        return int(newest)

    def _one(self, query: Executable) -> object:
        value = self._connection.execute(query).scalar_one()
        self._connection.rollback()
        return value

    # ---- accounts

    def account(self, user: User, account: AccountId, venue: str) -> Account:
        """An account with its number, which it is given once and keeps. OtherOwner: it is somebody else's for good."""
        a = tables.account.c
        held = self._connection.execute(select(a.number, a.user).where(a.id == account)).one_or_none()
        number, owner = held or (None, user.id)
        if number is None:
            number = int(self._connection.execute(select(func.coalesce(func.max(a.number), 0))).scalar_one()) + 1
            row = {"id": account, "user": user.id, "venue": venue, "number": number}
            person = {"id": user.id, "name": user.name, "role": user.role.value}
            new = upsert(tables.user).values(person)
            self._write(new, insert(tables.account).values(row))
        self._connection.rollback()
        if owner != user.id:
            raise OtherOwner(account=account, user=user.id, owner=owner)
        return Account(id=account, user=UserId(user.id), venue=venue, number=number)

    def owners(self) -> dict[AccountId, UserId]:
        """Whose each account is that was ever traded, whether the configuration still names it or not."""
        a = tables.account.c
        rows = self._connection.execute(select(a.id, a.user).order_by(a.id)).all()
        self._connection.rollback()
        return {AccountId(account): UserId(user) for account, user in rows}

    def refuse_other_owners(self, named: Mapping[AccountId, UserId]) -> None:
        """Raise OtherOwner where accounts are said to be whose they are not: books change no hands."""
        held = self.owners()
        for account, user in named.items():
            if held.get(account, user) != user:
                raise OtherOwner(account=account, user=user, owner=held[account])

    def accounts(self) -> list[tuple[Account, User]]:
        """Every account that was ever opened, with its user, by its number; what only the configuration says of a user is
        not told."""
        a, u = tables.account.c, tables.user.c
        query = select(a.id, a.venue, a.number, u.id, u.name, u.role).join(tables.user, a.user == u.id)
        rows = self._connection.execute(query.order_by(a.number)).all()
        self._connection.rollback()
        return [
            (
                Account(id=AccountId(name), user=UserId(user), venue=venue, number=number),
                User(id=UserId(user), name=called, role=Role(role)),
            )
            for name, venue, number, user, called, role in rows
        ]

    # ---- what people do

    def halts(self) -> list[Halt]:
        """What is halted now, by scope."""
        return self._halts()

    def _load_halts(self) -> list[Halt]:
        t = tables.halt.c
        rows = self._connection.execute(
            select(t.kind, t.name, t.since_ms, t.by, t.reason).order_by(t.kind, t.name)
        ).all()
        self._connection.rollback()
        return [
            Halt(scope=Scope(ScopeKind(kind), name), since_ms=since_ms, by=by, reason=reason)
            for kind, name, since_ms, by, reason in rows
        ]

    def halt(self, halt: Halt, what: str = "halt") -> None:
        """Halt a scope, for good; `what` is the deed that is audited. Halted already, the newer reason holds."""
        row = {"kind": halt.scope.kind.value, "name": halt.scope.name, "since_ms": halt.since_ms}
        row |= {"by": halt.by, "reason": halt.reason}
        deed = Deed(time_ms=halt.since_ms, by=halt.by, what=what, scope=str(halt.scope), reason=halt.reason)
        self._write(upsert(tables.halt).values(row), self.audited(deed))

    def lift(self, scope: Scope, deed: Deed) -> bool:
        """Lift a halt; whether there was one."""
        there = any(halt.scope == scope for halt in self.halts())
        t = tables.halt.c
        gone = delete(tables.halt).where(t.kind == scope.kind.value, t.name == scope.name)
        self._write(gone, self.audited(deed))
        return there

    def audit(self, *deeds: Deed) -> None:
        """Write down what a person did, all of it or nothing."""
        self._write(*map(self.audited, deeds))

    @staticmethod
    def audited(deed: Deed) -> Executable:
        """What writes a deed down, beside what it changed."""
        return audited(deed)

    def deeds(self, what: str | None = None) -> Sequence[Deed]:
        """What people did, in order; or what of one kind."""
        t = tables.audit.c
        query = select(t.time_ms, t.by, t.what, t.scope, t.reason).order_by(t.id)
        rows = self._connection.execute(query if what is None else query.where(t.what == what)).all()
        self._connection.rollback()
        return [Deed(time_ms=at, by=by, what=what, scope=scope, reason=reason) for at, by, what, scope, reason in rows]


class FencedJournal(DatabaseJournal):
    """The journal of one instance: once a newer one has begun, nothing more is written, so no order follows from it."""

    def __init__(self, connection: Connection, epoch: int) -> None:
        """`epoch` is the instance's own."""
        super().__init__(connection)
        self._fenced, self._epoch = connection, epoch

    def fence(self) -> None:
        """Raise Replaced when there is a newer instance."""
        # SQLite's writers wait for each other. A server's would not: the row is held until this transaction ends.
        newest = int(self._fenced.execute(_EPOCH_HELD).scalar_one())
        if newest != self._epoch:
            raise Replaced(newer=newest, epoch=self._epoch)
