"""Users' bills: the events and ledger entries of what each owes, and the statements of settled periods, never edited."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from tradepool.adapters.database import tables
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.core.ledger.charges import charge_entry
from tradepool.domain.charge import Charge, PeriodSettled, bill_of
from tradepool.domain.ids import UserId
from tradepool.ports.journal import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledPeriod:
    """One period of a user, with its statement."""

    user: UserId
    opened_ms: int
    closes_ms: int
    settled_ms: int
    statement: str


class DatabaseSettlements:
    """Every call is one transaction. StoreUnusable when the database can't be used."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`."""
        self._connection, self._journal = connection, DatabaseJournal(connection)

    def charges(self, user: UserId) -> list[Charge]:
        """What made a user's bill, in order. DamagedJournal."""
        return [event for _, _, event in self._journal.read(bill_of(user)) if isinstance(event, Charge)]

    def write(self, user: UserId, charge: Charge) -> None:
        """Add to a user's bill; BrokenLaw when somebody else has, since it was read."""
        self._journal.write(self._record(user, charge))

    def settle(self, user: UserId, charge: PeriodSettled, statement: str) -> None:
        """Add a settled period to a user's bill, and keep its statement."""
        record = self._record(user, charge)
        times = {"opened_ms": charge.opened_ms, "closes_ms": charge.closes_ms, "settled_ms": charge.time_ms}
        self._connection.execute(insert(tables.settlement), {"user": user, **times, "statement": statement})
        # Commits both, or neither.
        self._journal.write(record)

    def _record(self, user: UserId, charge: Charge) -> Record:
        account, sequence = bill_of(user), len(self.charges(user)) + 1
        entry = charge_entry(account, charge)
        entries = [entry] if entry is not None else []
        return Record(account=account, sequence=sequence, as_of_ms=charge.time_ms, event=charge, entries=entries)

    def of(self, user: UserId) -> list[SettledPeriod]:
        """A user's settled periods, in order."""
        t = tables.settlement.c
        query = select(t.opened_ms, t.closes_ms, t.settled_ms, t.statement).where(t.user == user)
        rows = self._connection.execute(query.order_by(t.opened_ms)).all()
        self._connection.rollback()
        return [
            SettledPeriod(user=user, opened_ms=opened, closes_ms=closes, settled_ms=settled, statement=text)
            for opened, closes, settled, text in rows
        ]
