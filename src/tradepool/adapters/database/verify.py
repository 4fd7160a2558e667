"""Whether the books are those that were written: every row that is not, by name, of ledger, journal and statements, of the
audit, the register and the promotions.

Three witnesses have to agree: each row's digest follows from what it says and from the row before it (`chain`); every entry
is what the journal's events book when they are posted anew; and each event's bytes are those that were written. Reads
only. Who can write the database can also recompute a chain to its end: the digests told here as `heads` are what to note
elsewhere. Accounts may trade meanwhile: an event and its entries come at once, so what is compared ends with the event that was
the last one before anything was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import MsgspecError
from sqlalchemy import Connection, func, select

from tradepool.adapters.database import tables
from tradepool.adapters.database.chain import (
    AUDIT,
    PROMOTION,
    REGISTER,
    Chained,
    Moved,
    UnreadableEntry,
    entry_digest,
    links,
    moved_by,
    transfers_in,
)
from tradepool.adapters.database.codec import decode_event
from tradepool.adapters.database.journal import event_digest
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.adapters.database.triggers import not_as_built
from tradepool.core.ledger.booked import Fold
from tradepool.domain.charge import bill_of
from tradepool.domain.deployment import Deployment, Kind
from tradepool.domain.errors import TradepoolError
from tradepool.domain.ids import REPLAY_NAMING, AccountId, UserId, read_client_order_id
from tradepool.domain.ledger import LedgerEntry
from tradepool.domain.user import Account

# The names of the chains that are not an account's, which has no space in its name; and what a row of each is called.
NAMES: Mapping[str, tuple[Chained, str]] = {
    "the audit": (AUDIT, "{what} {scope} by {by}"),
    "the register": (REGISTER, "{thing} {name}, version {version}, by {by}"),
    "the promotions": (PROMOTION, "{mandate} to {after} by {by}"),
}
_ENTRY = ("id", "account", "sequence", "time_ms", "reference")
_TRANSFER = ("debit", "credit", "asset", "amount", "code")
_Told = tuple[Sequence[object], list[Moved]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is not what was written, or that should be there and is not; `why` is a sentence without its subject."""

    table: str
    row: str
    why: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link of a chain: whose, how long it is, its digest."""

    chain: str
    length: int
    digest: str


def verify_books(connection: Connection) -> list[Fault]:
    """Every fault of all of these; none, and the books are whole."""
    return [*verify_ledger(connection, accounts_in(connection)), *verify_audit(connection)]


def accounts_in(connection: Connection) -> list[AccountId]:
    """All accounts of which there is an event, an entry or a statement."""
    found = set[str]()
    for table in (tables.event, tables.ledger_entry):
        found.update(connection.execute(select(table.c.account).distinct()).scalars())
    users = connection.execute(select(tables.settlement.c.user).distinct()).scalars()
    found.update(bill_of(UserId(user)) for user in users)
    connection.rollback()
    return [AccountId(name) for name in sorted(found)]


def verify_ledger(connection: Connection, accounts: Sequence[AccountId]) -> list[Fault]:
    """The faults of these accounts' ledgers and journals, and of the statements of those that are bills."""
    faults = [fault for account in accounts for fault in _Books(connection, account).faults()]
    faults += [fault for account in accounts for fault in _statements(connection, account)]
    connection.rollback()
    return faults


def _statements(connection: Connection, account: AccountId) -> Iterator[Fault]:
    bill = bill_of(UserId(""))
    if account.startswith(bill):
        user = UserId(account.removeprefix(bill))
        for opened_ms, why in DatabaseSettlements(connection).compared(user)[1]:
            yield Fault("settlement", f"{user} {opened_ms}", why)


def verify_audit(connection: Connection) -> list[Fault]:
    """The faults of what people did and decided: deeds, versions of the register and promotions that were edited, removed or
    inserted; and of the triggers that keep rows from being."""
    faults = [fault for name in NAMES for fault in _linked(connection, name)]
    faults += [Fault(table, "triggers", _OTHER_TRIGGERS) for table in not_as_built(connection)]
    connection.rollback()
    return faults


def _linked(connection: Connection, name: str) -> Iterator[Fault]:
    chained, named = NAMES[name]
    table, expected = chained.table.name, 1
    counted = connection.execute(select(tables.deployment.c[chained.counter])).scalar() or 0
    for row, stands in links(connection, chained):
        yield from _missing(table, expected, row["id"] - 1)
        # What follows a hole has nothing to be compared with.
        if not stands and row["id"] <= expected:
            yield Fault(table, f"{row['id']} ({named.format(**row)})", _UNCHAINED)
        expected = max(expected, row["id"] + 1)
    yield from _missing(table, expected, counted)


_UNCHAINED = "does not follow: what it says was changed, or what stood before it"
_OTHER_TRIGGERS = "are not those that were built: find out who did that, then run store migrate"


def heads(connection: Connection, accounts: Sequence[AccountId], *, audit: bool) -> list[Head]:
    """The newest link of each account's chain, and with `audit` of what people did and decided: who notes them elsewhere
    can tell a rewritten chain."""
    e = tables.ledger_entry.c
    last = select(e.number, e.digest).order_by(e.number.desc()).limit(1)
    found = [(str(account), connection.execute(last.where(e.account == account)).first()) for account in accounts]
    for name, (chained, _) in NAMES.items() if audit else ():
        t = chained.table.c
        found.append((name, connection.execute(select(t.id, t.digest).order_by(t.id.desc()).limit(1)).first()))
    connection.rollback()
    return [Head(name, row[0], row[1]) for name, row in found if row is not None]


def not_as_noted(connection: Connection, noted: Sequence[Head]) -> list[Fault]:
    """Links that were noted elsewhere, as `heads` told them, and are others now: a chain was cut or written anew."""
    e, faults = tables.ledger_entry.c, list[Fault]()
    for head in noted:
        table, row = "ledger_entry", f"{head.chain} number {head.length}"
        query = select(e.digest).where(e.account == head.chain, e.number == head.length)
        if head.chain in NAMES:
            named = NAMES[head.chain][0].table
            table, row = named.name, f"{head.length}"
            query = select(named.c.digest).where(named.c.id == head.length)
        if connection.execute(query).scalar() != head.digest:
            faults.append(Fault(table, row, "is not the one that was noted"))
    connection.rollback()
    return faults


def _missing(table: str, first: int, last: int, of: str = "") -> list[Fault]:
    if first > last:
        return []
    rows = f"{of}{first}" if first == last else f"{of}{first} to {last}"
    return [Fault(table, rows, "is not there: it was removed")]


class _Books:
    """One account's rows, compared."""

    def __init__(self, connection: Connection, account: AccountId) -> None:
        self._connection, self._account = connection, account
        e = tables.ledger_entry.c
        query = select(e.id, e.account, e.number, e.sequence, e.time_ms, e.reference, e.transfers, e.digest)
        self._last = self._newest()
        entries = connection.execute(query.where(e.account == account).order_by(e.number)).all()
        newest = self._newest()
        # What names an event that is not there yet is nobody's.
        self._entries = [row for row in entries if row.sequence <= self._last or row.sequence > newest]
        # What is wrong with an entry, in the order it was found.
        self._wrong: dict[str, list[str]] = {}

    def faults(self) -> Iterator[Fault]:
        """All of them: holes first, then the journal's, then entries and transfers."""
        yield from self._chain()
        booked, until, events = self._posted_anew()
        yield from events
        self._compare(booked, until)
        for name, wrong in self._wrong.items():
            yield Fault("ledger_entry", name, "; ".join(wrong))

    def _newest(self) -> int:
        t = tables.event.c
        found = self._connection.execute(select(func.max(t.sequence)).where(t.account == self._account)).scalar()
        return found or 0

    def _note(self, name: str, why: str) -> None:
        self._wrong.setdefault(name, []).append(why)

    def _chain(self) -> Iterator[Fault]:
        previous, expected = "", 1
        for row in self._entries:
            yield from _missing("ledger_entry", expected, row.number - 1, f"{self._account} number ")
            told = (row.id, row.account, row.number, row.sequence, row.time_ms, row.reference)
            stands = row.digest == entry_digest(previous, told, row.transfers)
            if row.number < expected or (row.number == expected and not stands):
                self._note(row.id, _UNCHAINED)
            previous, expected = row.digest, max(expected, row.number + 1)

    # ---- the journal

    def _posted_anew(self) -> tuple[dict[str, _Told], int, list[Fault]]:
        """What the journal books, by entry; the last event that could be posted; and what is wrong with events.

        After the first event that is not as it was written nothing is posted any more: what follows would be told of by it.
        """
        booked, fold, until, faults = dict[str, _Told](), self._fold(), 0, list[Fault]()
        t, expected = tables.event.c, 1
        query = select(t.sequence, t.as_of_ms, t.kind, t.schema, t.body, t.digest).order_by(t.sequence)
        for row in self._connection.execute(query.where(t.account == self._account, t.sequence <= self._last)):
            faults += _missing("event", expected, row.sequence - 1, f"{self._account} ")
            if row.digest is not None and row.digest != event_digest(self._account, *_cells(row, _EVENT)):
                faults.append(
                    Fault("event", f"{self._account} {row.sequence}", "its bytes are not those that were written")
                )
            if not faults:
                try:
                    entries = fold.entries(decode_event(row.kind, row.schema, row.body), row.as_of_ms)
                except (TradepoolError, MsgspecError, ArithmeticError, KeyError) as error:
                    why = f"can't be posted anew: {type(error).__name__}: {error}"
                    faults.append(Fault("event", f"{self._account} {row.sequence}", why))
                else:
                    booked |= {entry.id: _told_by(entry, row.sequence) for entry in entries}
                    until = row.sequence
            expected = row.sequence + 1
        return booked, until if faults else max(until, 2**63), faults

    def _compare(self, booked: Mapping[str, _Told], until: int) -> None:
        found = {row.id: row for row in self._entries}
        for name, (told, moved) in booked.items():
            if name not in found:
                self._note(name, f"is not there: event {told[2]} made it")
                continue
            try:
                stands = _cells(found[name], _ENTRY), transfers_in(found[name].transfers)
            except UnreadableEntry as error:
                self._note(name, f"its transfers can't be read: {error.__cause__}")
                continue
            if stands != (told, moved):
                self._note(name, f"event {told[2]} makes it otherwise: {_difference((told, moved), stands)}")
        for row in self._entries:
            if row.id not in booked and row.sequence <= until:
                self._note(row.id, f"no event made it, not {row.sequence}, which it names")

    def _fold(self) -> Fold:
        """The account before its first event; one that is nobody's here is known by the names of its orders."""
        a, d, i = tables.account.c, tables.deployment.c, tables.order_intent.c
        held = self._connection.execute(select(a.user, a.venue, a.number).where(a.id == self._account)).first()
        own = self._connection.execute(select(d.id, d.kind)).first()
        first = select(func.min(i.client_order_id)).where(i.account == self._account)
        name = read_client_order_id(self._connection.execute(first).scalar() or "")
        user, venue, number = held or ("", "", name.account_number if name is not None else 0)
        naming = name.naming if name is not None else REPLAY_NAMING
        mark = Deployment(id=own[0], kind=Kind(own[1])).mark if own is not None else naming.mark
        return Fold(Account(id=self._account, user=UserId(user), venue=venue, number=number), mark)


_EVENT = ("sequence", "as_of_ms", "kind", "body")


def _cells(row: object, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


def _told_by(entry: LedgerEntry, sequence: int) -> _Told:
    return (entry.id, entry.account, sequence, entry.time_ms, entry.reference), moved_by(entry)


def _difference(wanted: _Told, stands: _Told) -> str:
    """The first cell that is another one."""
    for name, said, found in zip(_ENTRY, wanted[0], stands[0], strict=True):
        if said != found:
            return f"{name} is {found}, not {said}"
    for number, (meant, there) in enumerate(zip(wanted[1], stands[1], strict=False)):
        for name, said, found in zip(_TRANSFER, meant, there, strict=True):
            if said != found:
                return f"{name} of transfer {number} is {found}, not {said}"
    return f"it has {len(stands[1])} transfers, not {len(wanted[1])}"
