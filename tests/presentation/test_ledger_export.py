"""The ledger in other programs' words: Beancount's own loader takes it, and both forms hold every coin."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from beancount import loader
from beancount.core.data import Transaction

from tests.core.commission.test_from_ledger import entries, traded
from tradepool.core.ledger.trial_balance import trial_balance
from tradepool.domain.ids import AccountId
from tradepool.domain.ledger import LedgerCode, LedgerEntry
from tradepool.presentation.ledger_export import account_name, beancount_lines, commodity, csv_lines

STRANGE = ("1INCH", "S", "1000SATS", "币安人生", "A" * 30)


def booked() -> list[LedgerEntry]:
    """Two accounts, some coins of which Beancount could not say the name, and a reference that would end its string."""
    first = entries(traded(3, 60))
    second = [replace(each, account=AccountId("ann_2")) for each in entries(traded(4, 60))]
    buys = [each for each in first if len(each.transfers) == 3][: len(STRANGE)]
    for entry, asset in zip(buys, STRANGE, strict=True):
        renamed = tuple(replace(t, asset=asset) if t.asset == "USDT" else t for t in entry.transfers)
        first.append(replace(entry, transfers=renamed, reference=f'fill:"{asset}\\'))
    return [*first, *second]


def sums(found: Sequence[LedgerEntry]) -> dict[tuple[str, str], Decimal]:
    """What each account holds of each coin, in Beancount's names."""
    totals = dict[tuple[str, str], Decimal]()
    for account in sorted({entry.account for entry in found}):
        mine = [t for entry in found if entry.account == account for t in entry.transfers]
        for (code, asset), amount in trial_balance(mine).items():
            if amount:
                totals[account_name(code, account), commodity(asset)] = amount
    return totals


def test_beancount_takes_the_ledger_and_comes_to_the_same_sums() -> None:
    """Its own parser and its own checks; not one complaint."""
    text = "\n\n".join(beancount_lines(booked()))
    read, errors, _ = loader.load_string(text)
    assert errors == []
    found = dict[tuple[str, str], Decimal]()
    for each in read:
        if isinstance(each, Transaction):
            for posting in each.postings:
                assert posting.units is not None
                assert posting.units.number is not None
                key = (posting.account, posting.units.currency)
                found[key] = found.get(key, Decimal(0)) + posting.units.number
    assert {key: amount for key, amount in found.items() if amount} == sums(booked())


def test_what_is_booked_late_may_be_older_than_all_before() -> None:
    """A fill that was only found after a restart, a deposit that the venue told of late: accounts are open by then."""
    late = [replace(each, time_ms=each.time_ms * 86_400_000) for each in reversed(booked())]
    _, errors, _ = loader.load_string("\n\n".join(beancount_lines(late)))
    assert errors == []


def test_a_table_holds_every_transfer() -> None:
    """A row each, with its direction; whatever is in a name."""
    rows = list(csv.DictReader(io.StringIO("\n".join(csv_lines(booked())))))
    transfers = [(e, t) for e in booked() for t in e.transfers]
    assert [(r["entry"], r["debit"], r["credit"], r["asset"], Decimal(r["amount"]), r["code"]) for r in rows] == [
        (e.id, t.debit.value, t.credit.value, t.asset, t.amount, t.code.value) for e, t in transfers
    ]


def test_no_two_names_of_ours_become_one_of_theirs() -> None:
    """Accounts that differ in a sign only, and strange coins."""
    accounts = ("a_1", "a-1", "a-x5f1", "a--1", "a-5f1", "a5f1")
    assert len({account_name(LedgerCode.VENUE, account) for account in accounts}) == len(accounts)
    assert len({commodity(asset) for asset in (*STRANGE, "BTC", "INCH", "A" * 31, "X-S.X")}) == len(STRANGE) + 4
