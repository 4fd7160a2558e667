"""The register: users, accounts and mandates as versions that are appended and never edited, and invitations.

Every call answers to the connection's actor: what is another's is, to a person who sees only his own, not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import Connection, Row, Select, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from tradepool.adapters.database.chain import REGISTER, linked
from tradepool.adapters.database.engine import StoreUnusable, actor_of, transaction
from tradepool.adapters.database.people_tables import invitation, register
from tradepool.adapters.database.remembered import Remembered, wrote
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import UserId
from tradepool.domain.register import Entry, Thing
from tradepool.domain.user import Status

Named = tuple[Thing, str]
# A person has a day to accept.
INVITED_MS = 86_400_000


class NotThere(InvalidInput):
    """No {thing} is called {name}; tradepool {section} list shows those there are."""


class ChangedMeanwhile(TradepoolError):
    """Nothing was done: {thing} {name} was changed by somebody else meanwhile, or something beside it; look and ask again."""

    transient = True


class NoInvitation(InvalidInput):
    """This code is none, was used, or is older than a day; ask for another one (tradepool users invite)."""


class DatabaseRegister:
    """Every call is one transaction. StoreUnusable when the database can't be used."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`, and says who asks."""
        self._connection, self._actor = connection, actor_of(connection)
        # Asked for before each entry.
        self._statuses = Remembered(connection, self._load_statuses)

    def newest(self) -> list[Entry]:
        """How everything he sees stands, in the order in which it was added."""
        return list({(entry.thing, entry.name): entry for entry in self._read(select(register))}.values())

    def versions(self, thing: Thing, name: str) -> Sequence[Entry]:
        """All versions of one thing, the oldest first. NotThere, for what is another's as for what nobody has."""
        found = self._read(select(register).where(register.c.thing == thing, register.c.name == name))
        if not found:
            raise NotThere(thing=thing, name=repr(name)[:60], section=thing.section)
        return found

    def _read(self, query: Select[tuple[object, ...]]) -> list[Entry]:
        rows = self._connection.execute(query.order_by(register.c.id)).all()
        self._connection.rollback()
        return [entry for entry in map(_entry, rows) if self._actor.sees(entry.user)]

    def last(self, user: UserId) -> int:
        """The number of the newest version of anything of a user's; 0 where there is none."""
        newest = select(func.max(register.c.id)).where(register.c.user == user)
        found = self._connection.execute(newest).scalar_one()
        self._connection.rollback()
        return found or 0

    def write(self, entry: Entry, last: int | None = None) -> None:
        """Append a version; if `last` is given, only while that is its user's newest. NotThere where it would be somebody
        else's, ChangedMeanwhile where there is such a version or a newer one beside it."""
        if not self._actor.sees(entry.user):
            raise NotThere(thing=entry.thing, name=repr(entry.name)[:60], section=entry.thing.section)
        row = asdict(entry) | {"thing": entry.thing.value, "status": entry.status.value}
        newer = select(func.count()).where(register.c.user == entry.user, register.c.id > (last or 0))
        try:
            with transaction(self._connection):
                self._connection.execute(linked(REGISTER, row))
                # Once it is written, whoever writes beside it has committed or waits.
                if last is not None and self._connection.execute(newer).scalar_one() != 1:
                    raise ChangedMeanwhile(thing=entry.thing, name=entry.name)
        except StoreUnusable as error:
            if isinstance(error.__cause__, IntegrityError):
                raise ChangedMeanwhile(thing=entry.thing, name=entry.name) from error
            raise
        wrote(self._connection)

    def statuses(self) -> Mapping[Named, Status]:
        """How each thing he sees stands now; kept until something was written."""
        return self._statuses()

    def _load_statuses(self) -> Mapping[Named, Status]:
        return {(entry.thing, entry.name): entry.status for entry in self.newest()}

    # ---- invitations

    def invite(self, user: UserId, code_hash: str, now_ms: int) -> int:
        """Let whoever has the code of this hash accept for a user, once, within a day; an older code is void.

        When it ends, in ms. NotThere.
        """
        self.versions(Thing.USER, user)
        row = {"user": user, "hash": code_hash, "expires_ms": now_ms + INVITED_MS}
        with transaction(self._connection):
            self._connection.execute(delete(invitation).where(invitation.c.user == user))
            self._connection.execute(insert(invitation).values(row))
        return now_ms + INVITED_MS

    def invited(self, code_hash: str, now_ms: int) -> UserId:
        """Whose an invitation is, which stays good. NoInvitation."""
        t = invitation.c
        user = self._connection.execute(select(t.user).where(t.hash == code_hash, t.expires_ms > now_ms)).scalar()
        self._connection.rollback()
        if user is None:
            raise NoInvitation
        return UserId(user)

    def accept(self, code_hash: str, now_ms: int) -> UserId:
        """Use an invitation up; whose it was. NoInvitation."""
        t = invitation.c
        used = delete(invitation).where(t.hash == code_hash).returning(t.user, t.expires_ms)
        with transaction(self._connection):
            found = self._connection.execute(used).first()
        if found is None or found[1] <= now_ms:
            raise NoInvitation
        return UserId(found[0])


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    return Entry(
        thing=Thing(row.thing),
        name=row.name,
        version=row.version,
        user=UserId(row.user),
        status=Status(row.status),
        body=row.body,
        time_ms=row.time_ms,
        by=row.by,
        reason=row.reason,
    )
