"""Hash chains: every entry of an account's ledger, and every audited deed, says what it says and what came before it.

A row's digest is over the digest of the row before and over all that the row says. Whoever edits, removes or inserts one
by SQL breaks the chain there, and `verify` names it. The form of what is digested is for good: rows that were written are
compared with it. The first row of a chain follows "".
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Executable, Text, bindparam, func, insert, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement, FunctionElement

from tradepool.adapters.database import tables
from tradepool.adapters.database.codec import encode
from tradepool.domain.deed import Deed
from tradepool.domain.ids import AccountId
from tradepool.domain.ledger import LedgerEntry

# What SQLite calls the digest; `engine` gives it to each connection.
SHA256 = "tradepool_sha256"
_e, _a = tables.ledger_entry.c, tables.audit.c
_LAST = select(_e.number, _e.digest).where(_e.account == bindparam("account")).order_by(_e.number.desc()).limit(1)


def digest_of(told: str) -> str:
    """SHA-256 of a text, in hexadecimal; what SQL computes of an audit's row, too.

    >>> digest_of("")[:8]
    'e3b0c442'
    """
    return sha256(told.encode()).hexdigest()


def entry_digest(previous: str, entry: Sequence[object], transfers: Sequence[Sequence[object]]) -> str:
    """The digest of an entry (id, account, number, sequence, time_ms, reference) and its transfers (debit, credit, asset,
    amount, code)."""
    return digest_of(previous + encode([entry, transfers]))


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

    def rows(self, sequence: int, entry: LedgerEntry) -> tuple[dict[str, object], list[dict[str, object]]]:
        """An entry that an event of that sequence made, as the next link: its row, and its transfers'."""
        account = entry.account
        number, previous = self._last.get(account) or self._read(account)
        number += 1
        moved = [(t.debit.value, t.credit.value, t.asset, format(t.amount, "f"), t.code.value) for t in entry.transfers]
        told = (entry.id, account, number, sequence, entry.time_ms, entry.reference)
        digest = entry_digest(previous, told, moved)
        self._last[account] = number, digest
        row = {"id": entry.id, "account": account, "number": number, "sequence": sequence}
        row |= {"time_ms": entry.time_ms, "reference": entry.reference, "digest": digest}
        return row, [
            {
                "entry": entry.id,
                "position": position,
                "account": account,
                "debit": debit,
                "credit": credit,
                "asset": asset,
                "amount": amount,
                "code": code,
            }
            for position, (debit, credit, asset, amount, code) in enumerate(moved)
        ]

    def _read(self, account: AccountId) -> tuple[int, str]:
        found = self._connection.execute(_LAST, {"account": account}).first()
        return (0, "") if found is None else (found.number, found.digest)


# ---- the audit: written by every process, so the database itself looks for the last link


class _Sha256(FunctionElement[str]):
    """`digest_of`, computed by the database."""

    type = Text()
    inherit_cache = True
    name = "sha256_hex"


@compiles(_Sha256)
def _builtin(element: _Sha256, compiler: Any, **options: Any) -> str:
    return f"encode(sha256(convert_to({compiler.process(element.clauses, **options)}, 'UTF8')), 'hex')"


@compiles(_Sha256, "sqlite")
def _given(element: _Sha256, compiler: Any, **options: Any) -> str:
    return f"{SHA256}({compiler.process(element.clauses, **options)})"


def audited(deed: Deed) -> Executable:
    """What writes a deed down as the next link, beside what it changed."""
    number = select(func.coalesce(func.max(_a.id), 0) + 1).scalar_subquery()
    last: ColumnElement[str] = select(_a.digest).order_by(_a.id.desc()).limit(1).scalar_subquery()
    told = func.coalesce(last, "", type_=Text()) + deed_body(deed)
    row = {"time_ms": deed.time_ms, "by": deed.by, "what": deed.what, "scope": deed.scope, "reason": deed.reason}
    return insert(tables.audit).values(id=number, digest=_Sha256(told), **row)
