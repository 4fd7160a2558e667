"""Users' bills: the events and ledger entries of what each owes, and the statements of settled periods, never edited.

A statement is a row beside the books; what tells that it is the one that was settled is its hash in the journal's event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec import MsgspecError
from sqlalchemy import Connection, insert, select

from tradepool.adapters.database import tables
from tradepool.adapters.database.codec import decode
from tradepool.adapters.database.copying import of_one_moment
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.register import ChangedMeanwhile
from tradepool.core.commission.statement import is_as_settled
from tradepool.core.ledger.charges import charge_entry
from tradepool.domain.charge import Charge, PeriodSettled, bill_of
from tradepool.domain.errors import BrokenLaw, TradepoolError
from tradepool.domain.ids import UserId
from tradepool.ports.journal import Record


class StatementNotAsSettled(TradepoolError):
    """The statement of {user} for the period that began {opened} UTC {why}; nothing is charged by it. Somebody has written to the database past tradepool: keep the file as evidence, see what else ledger verify names, and restore a backup that verifies (tradepool store restore)."""


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

    def write(self, user: UserId, charge: Charge, *, after: int) -> None:
        """Add to a user's bill what was decided from its first `after` charges; ChangedMeanwhile when it has more by now."""
        with _unchanged(user):
            self._journal.write(_record(user, charge, after))

    def settle(self, user: UserId, charge: PeriodSettled, statement: str, *, after: int) -> None:
        """Add a settled period to a user's bill, as `write` does, and keep its statement."""
        times = {"opened_ms": charge.opened_ms, "closes_ms": charge.closes_ms, "settled_ms": charge.time_ms}
        # Both, or neither: a broken connection is followed by a new one, on which both are written again.
        beside = insert(tables.settlement).values(user=user, **times, statement=statement)
        with _unchanged(user):
            self._journal.write_with(_record(user, charge, after), beside)

    def of(self, user: UserId) -> list[SettledPeriod]:
        """A user's settled periods, in order. StatementNotAsSettled where one is not the one that was settled."""
        held, faults = self.compared(user)
        for opened_ms, why in faults:
            opened = f"{datetime.fromtimestamp(opened_ms / 1_000, UTC):%Y-%m-%d %H:%M}"
            raise StatementNotAsSettled(user=user, opened=opened, why=why)
        return held

    def compared(self, user: UserId) -> tuple[list[SettledPeriod], list[tuple[int, str]]]:
        """A user's settled periods as they stand, in order; and the beginning of each that is not as the journal has it, with
        what is wrong, a sentence without its subject."""
        with of_one_moment(self._connection):
            held, charged = self._rows(user), list(self._charged(user))
        return held, list(_faults(held, charged))

    def _rows(self, user: UserId) -> list[SettledPeriod]:
        t = tables.settlement.c
        query = select(t.opened_ms, t.closes_ms, t.settled_ms, t.statement).where(t.user == user)
        return [
            SettledPeriod(user=user, opened_ms=opened, closes_ms=closes, settled_ms=settled, statement=text)
            for opened, closes, settled, text in self._connection.execute(query.order_by(t.opened_ms))
        ]

    def _charged(self, user: UserId) -> Iterator[PeriodSettled]:
        """What the journal says was settled; an event that can't be read settles nothing, and is told of by itself."""
        t = tables.event.c
        query = select(t.body).where(t.account == bill_of(user), t.kind == PeriodSettled.__name__).order_by(t.sequence)
        for body in self._connection.execute(query).scalars().all():
            try:
                yield decode(body, PeriodSettled)
            except MsgspecError:
                continue


def _record(user: UserId, charge: Charge, after: int) -> Record:
    account = bill_of(user)
    entry = charge_entry(account, charge)
    entries = [entry] if entry is not None else []
    return Record(account=account, sequence=after + 1, as_of_ms=charge.time_ms, event=charge, entries=entries)


@contextmanager
def _unchanged(user: UserId) -> Iterator[None]:
    try:
        yield
    except BrokenLaw as error:
        raise ChangedMeanwhile(thing="the bill of", name=user) from error


def _faults(held: Sequence[SettledPeriod], charged: Sequence[PeriodSettled]) -> Iterator[tuple[int, str]]:
    settled = {each.opened_ms: each for each in charged}
    for row in held:
        charge = settled.pop(row.opened_ms, None)
        if charge is None:
            yield row.opened_ms, "was never settled: no event of the journal made it"
        elif not is_as_settled(row.statement, charge.digest):
            yield row.opened_ms, "is not the one that was settled: the journal holds another one's hash"
        elif (row.closes_ms, row.settled_ms) != (charge.closes_ms, charge.time_ms):
            yield row.opened_ms, "has other times than the journal"
    for opened_ms in settled:
        yield opened_ms, "is not there, and was settled"
