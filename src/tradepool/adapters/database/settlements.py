"""Settled periods: their statements, appended and never edited, and when they were paid. Always of one user."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from tradepool.adapters.database import tables
from tradepool.adapters.database.engine import transaction
from tradepool.domain.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledPeriod:
    """One period of a user; `paid_ms` is None while it is not paid."""

    user: UserId
    opened_ms: int
    closes_ms: int
    settled_ms: int
    statement: str
    paid_ms: int | None = None


class DatabaseSettlements:
    """Every call is one transaction. StoreUnusable when the database can't be used."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`."""
        self._connection = connection

    def add(self, period: SettledPeriod) -> None:
        """Keep a statement; a period is settled once."""
        row = {name: getattr(period, name) for name in SettledPeriod.__slots__}
        with transaction(self._connection):
            self._connection.execute(insert(tables.settlement), row)

    def of(self, user: UserId) -> list[SettledPeriod]:
        """A user's settled periods, in order."""
        t = tables.settlement.c
        query = select(t.opened_ms, t.closes_ms, t.settled_ms, t.statement, t.paid_ms).where(t.user == user)
        rows = self._connection.execute(query.order_by(t.opened_ms)).all()
        self._connection.rollback()
        return [
            SettledPeriod(
                user=user, opened_ms=opened, closes_ms=closes, settled_ms=settled, statement=text, paid_ms=paid
            )
            for opened, closes, settled, text, paid in rows
        ]

    def pay(self, user: UserId, opened_ms: int, paid_ms: int) -> bool:
        """The period is paid; False where it was, or there is none."""
        t = tables.settlement.c
        change = update(tables.settlement).values(paid_ms=paid_ms)
        with transaction(self._connection):
            done = self._connection.execute(change.where(t.user == user, t.opened_ms == opened_ms, t.paid_ms.is_(None)))
        return done.rowcount == 1
