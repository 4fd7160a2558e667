"""Hash chains: every entry of an account's ledger, every audited deed, version of the register and promotion says what it
says and what came before it.

A row's digest is over the digest of the row before and over all that the row says. Whoever edits, removes or inserts one
by SQL breaks the chain there, and `verify` names it. The form of what is digested is for good: rows that were written are
compared with it. The first row of a chain follows "".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from msgspec import MsgspecError
from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Integer,
    RowMapping,
    Table,
    Text,
    bindparam,
    insert,
    literal,
    literal_column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from tradepool.adapters.database import tables
from tradepool.adapters.database.codec import decode, encode
from tradepool.adapters.database.people_tables import register
from tradepool.domain.deed import Deed
from tradepool.domain.errors import TradepoolError
from tradepool.domain.ids import AccountId
from tradepool.domain.ledger import LedgerEntry

# What SQLite calls the digest; `engine` gives it to each connection.
SHA256 = "tradepool_sha256"
_e = tables.ledger_entry.c
_LAST = select(_e.number, _e.digest).where(_e.account == bindparam("account")).order_by(_e.number.desc()).limit(1)


def digest_of(told: str) -> str:
    """SHA-256 of a text, in hexadecimal; what SQL computes of an audit's row, too.

    >>> digest_of("")[:8]
    'e3b0c442'
    """
    return sha256(told.encode()).hexdigest()


class UnreadableEntry(TradepoolError):
    """The transfers of a ledger entry were edited and can't be read: {why}; tradepool ledger verify names the entry, tradepool store restore goes back to a backup."""


# Of a transfer: debit, credit, asset, amount, code.
Moved = tuple[str, str, str, str, str]


def moved_by(entry: LedgerEntry) -> list[Moved]:
    """An entry's transfers as they are written."""
    return [(t.debit, t.credit, t.asset, format(t.amount, "f"), t.code) for t in entry.transfers]


def transfers_text(moved: Sequence[Sequence[str]]) -> str:
    """The transfers of an entry as its row says them."""
    return encode(moved)


def transfers_in(text: str) -> list[Moved]:
    """What `transfers_text` wrote. UnreadableEntry.

    >>> transfers_in(transfers_text([("venue", "capital", "USDT", "10", "deposit")]))
    [('venue', 'capital', 'USDT', '10', 'deposit')]
    """
    try:
        return decode(text, list[Moved])
    except MsgspecError as error:
        raise UnreadableEntry(why=error) from error


def entry_digest(previous: str, entry: Sequence[object], transfers: str) -> str:
    """The digest of an entry (id, account, number, sequence, time_ms, reference) and the text of its transfers."""
    return digest_of(f"{previous}[{encode(entry)},{transfers}]")


def deed_body(deed: Deed) -> str:
    """All that a deed says; its digest is of the one before and this."""
    return encode([deed.time_ms, deed.by, deed.what, deed.scope, deed.reason])


# ---- the ledger: one writer of an account, which keeps the last link in memory


class Chains:
    """The last link of each account's chain, read once; `forget` what was linked in a transaction that failed."""

    def __init__(self, connection: Connection) -> None:
        """Nothing is read before it is asked for."""
        self._connection = connection
        self._last = dict[AccountId, tuple[int, str]]()

    def forget(self) -> None:
        """Read anew what is asked for next."""
        self._last.clear()

    def row(self, sequence: int, entry: LedgerEntry) -> dict[str, object]:
        """An entry that an event of that sequence made, as the next link."""
        account = entry.account
        number, previous = self._last.get(account) or self._read(account)
        number += 1
        transfers = transfers_text(moved_by(entry))
        told = (entry.id, account, number, sequence, entry.time_ms, entry.reference)
        digest = entry_digest(previous, told, transfers)
        self._last[account] = number, digest
        return {
            "id": entry.id,
            "account": account,
            "sequence": sequence,
            "time_ms": entry.time_ms,
            "reference": entry.reference,
            "number": number,
            "digest": digest,
            "transfers": transfers,
        }

    def _read(self, account: AccountId) -> tuple[int, str]:
        found = self._connection.execute(_LAST, {"account": account}).first()
        return (0, "") if found is None else (found.number, found.digest)


# ---- what every process writes, beside each other: the database itself looks for the last link


@dataclass(frozen=True, slots=True)
class Chained:
    """A table whose rows are links: where the deployment's row counts them, and all that a row says, in the order in which
    it is digested."""

    table: Table
    counter: str
    told: tuple[str, ...]

    def body(self, row: Mapping[str, object] | RowMapping) -> str:
        """What a row says; its digest is of the one before and this."""
        return encode([row[name] for name in self.told])


AUDIT = Chained(tables.audit, "audited", ("time_ms", "by", "what", "scope", "reason"))
REGISTER = Chained(
    register,
    "registered",
    ("thing", "name", "version", "user", "status", "body", "time_ms", "by", "reason"),
)
PROMOTION = Chained(
    tables.promotion,
    "promoted",
    ("time_ms", "by", "mandate", "strategy_id", "before", "after", "reason"),
)
CHAINED = (AUDIT, REGISTER, PROMOTION)


class _Link(FunctionElement[str]):
    """The digest of a row, out of its table's last digest and its body."""

    type = Text()
    inherit_cache = True
    name = "link"


class _Next(FunctionElement[int]):
    """The number of the next row, out of its table and its counter: that of a last row which was removed is not given again."""

    type = Integer()
    inherit_cache = True
    name = "next"


@compiles(_Link, "sqlite")
def _linked(element: _Link, compiler: Any, **options: Any) -> str:
    """The write lock is taken before the last one is looked for: in everybody's (`main`), whoever's this one is."""
    table, body = (compiler.process(each, **options) for each in element.clauses)
    return f"{SHA256}(coalesce((select digest from main.{table} order by id desc limit 1), '') || {body})"


@compiles(_Next, "sqlite")
def _numbered(element: _Next, compiler: Any, **options: Any) -> str:
    table, counter = (compiler.process(each, **options) for each in element.clauses)
    newest, counted = f"(select max(id) from main.{table})", f"(select {counter} from deployment)"
    return f"(max(coalesce({newest}, 0), coalesce({counted}, 0)) + 1)"


@compiles(_Link)
def _body(element: _Link, compiler: Any, **options: Any) -> str:
    """A server's statement sees what stood when it began: a trigger links, which waits for whoever writes beside it."""
    _, body = element.clauses
    return str(compiler.process(body, **options))


@compiles(_Next)
def _unnumbered(element: _Next, compiler: Any, **options: Any) -> str:
    return "0"


def linked(chained: Chained, row: Mapping[str, object]) -> Executable:
    """What writes a row down as the next link of its table."""
    told = {name: row[name] for name in chained.told}
    name: ColumnElement[str] = literal_column(chained.table.name)
    counter: ColumnElement[str] = literal_column(chained.counter)
    link = _Link(name, literal(chained.body(told), Text()))
    return insert(chained.table).values(id=_Next(name, counter), digest=link, **told)


def audited(deed: Deed) -> Executable:
    """What writes a deed down as the next link, beside what it changed."""
    return linked(AUDIT, asdict(deed))


def links(connection: Connection, chained: Chained) -> Iterator[tuple[RowMapping, bool]]:
    """Each row in order, and whether it is the link after the one before. After a hole nobody can tell."""
    rows = connection.execute(select(chained.table).order_by(chained.table.c.id)).mappings().all()
    previous, expected = "", 1
    for row in rows:
        yield row, row["id"] == expected and row["digest"] == digest_of(previous + chained.body(row))
        if row["id"] >= expected:
            previous, expected = row["digest"], row["id"] + 1
