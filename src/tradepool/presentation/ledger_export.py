"""The ledger for other programs: CSV, a row a transfer, and Beancount's text, which `bean-check` accepts."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

from tradepool.domain.ledger import LedgerCode, LedgerEntry

COLUMNS = ("entry", "account", "time", "reference", "debit", "credit", "asset", "amount", "code")
# Beancount's five kinds of accounts; equity is where capital comes from and what trading swaps with, and what profit
# cost is a liability until it is paid.
KINDS = {
    LedgerCode.VENUE: "Assets",
    LedgerCode.FEES: "Expenses",
    LedgerCode.CAPITAL: "Equity",
    LedgerCode.TRADING: "Equity",
    LedgerCode.COMMISSION: "Expenses",
    LedgerCode.OWED: "Liabilities",
}
_COMMODITY = re.compile(r"[A-Z][A-Z0-9]{0,22}[A-Z0-9]")


def csv_lines(entries: Iterable[LedgerEntry]) -> Iterator[str]:
    """A header, then a row for each transfer; amounts as plain decimals, times as ISO 8601."""
    yield _row(COLUMNS)
    for entry in entries:
        for t in entry.transfers:
            moment = datetime.fromtimestamp(entry.time_ms / 1_000, UTC).isoformat(timespec="milliseconds")
            cells = (t.debit.value, t.credit.value, t.asset, plain_amount(t.amount), t.code.value)
            yield _row((entry.id, entry.account, moment.replace("+00:00", "Z"), entry.reference, *cells))


def beancount_lines(entries: Iterable[LedgerEntry]) -> Iterator[str]:
    """Transactions in order, two postings a transfer, each account opened on its first day (what is booked late may be
    older than what was booked before).

    Beancount's names of accounts and coins are narrower than the venues': `commodity` and `account_name` say how ours
    become theirs, and the true ones are beside them.
    """
    held, opened = list(entries), dict[str, str]()
    for entry in held:
        for code in (code for t in entry.transfers for code in (t.debit, t.credit)):
            name = account_name(code, entry.account)
            opened[name] = min(_day(entry), opened.get(name, _day(entry)))
    yield from (f"{day} open {name}" for name, day in opened.items())
    named = set[str]()
    for entry in held:
        day = _day(entry)
        postings = list[str]()
        for t in entry.transfers:
            coin = commodity(t.asset)
            if coin not in named:
                named.add(coin)
                yield f'{day} commodity {coin}\n  name: "{t.asset}"'
            for code, sign in ((t.debit, ""), (t.credit, "-")):
                postings.append(f"  {account_name(code, entry.account)}  {sign}{plain_amount(t.amount)} {coin}")
        if postings:
            reference = entry.reference.replace("\\", "\\\\").replace('"', '\\"')
            yield "\n".join([f'{day} * "{entry.account}" "{reference}"', f"  time_ms: {entry.time_ms}", *postings])


def _day(entry: LedgerEntry) -> str:
    return f"{datetime.fromtimestamp(entry.time_ms / 1_000, UTC):%Y-%m-%d}"


def account_name(code: LedgerCode, account: str) -> str:
    """Beancount's name of a ledger account: never the same for two of ours.

    >>> account_name(LedgerCode.VENUE, "ann-main"), account_name(LedgerCode.FEES, "a_1")
    ('Assets:A-ann-main:Venue', 'Expenses:A-a-X5F1:Fees')
    """
    written = "".join(c if c.islower() or c.isdigit() or c == "-" else f"-X{ord(c):X}" for c in account)
    return f"{KINDS[code]}:A-{written}:{code.value.capitalize()}"


def commodity(asset: str) -> str:
    """Beancount's name of a coin: those it knows as they are, any other with its letters' numbers.

    >>> [commodity(asset) for asset in ("BTC", "1INCH", "S", "1000SATS")]
    ['BTC', 'X-1INCH.X', 'X-S.X', 'X-1000SATS.X']
    """
    if _COMMODITY.fullmatch(asset):
        return asset
    written = f"X-{asset}.X"
    if re.fullmatch("[A-Z0-9]{1,20}", asset):
        return written
    return f"X-{hashlib.sha256(asset.encode()).hexdigest()[:16].upper()}.X"


def plain_amount(amount: Decimal) -> str:
    """Without an exponent.

    >>> plain_amount(Decimal("1E+3")), plain_amount(Decimal("0.00000001"))
    ('1000', '0.00000001')
    """
    return format(amount, "f")


def _row(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
