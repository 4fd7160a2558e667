"""Users, their accounts and mandates in the relational store."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from tradepool.adapters.database import tables
from tradepool.adapters.database.codec import decode, encode
from tradepool.adapters.database.engine import transaction
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.mandate import Mandate
from tradepool.domain.user import Account, Role, User


class DatabaseUsers:
    """Who trades here, on which account, and what they allow."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`."""
        self._connection = connection

    def add(self, user: User, account: Account, mandate: Mandate) -> None:
        """Store a user with one account and one mandate, in one transaction."""
        run = self._connection.execute
        with transaction(self._connection):
            run(insert(tables.user), {"id": user.id, "name": user.name, "role": user.role.value})
            row = {"id": account.id, "user": account.user, "venue": account.venue, "number": account.number}
            run(insert(tables.account), row)
            run(insert(tables.mandate), {"id": mandate.id, "account": mandate.account, "body": encode(mandate)})

    def users(self) -> Sequence[User]:
        """All users, by id."""
        t = tables.user.c
        rows = self._connection.execute(select(t.id, t.name, t.role).order_by(t.id)).all()
        return [User(id=UserId(i), name=name, role=Role(role)) for i, name, role in rows]

    def mandates(self) -> Sequence[tuple[Account, Mandate]]:
        """All mandates with their accounts, by account number."""
        a, m = tables.account, tables.mandate
        query = select(a.c.id, a.c.user, a.c.venue, a.c.number, m.c.body).join(m, m.c.account == a.c.id)
        return [
            (Account(id=AccountId(i), user=UserId(user), venue=venue, number=number), decode(body, Mandate))
            for i, user, venue, number, body in self._connection.execute(query.order_by(a.c.number))
        ]
