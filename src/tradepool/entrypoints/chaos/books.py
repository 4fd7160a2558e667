"""The journal beside the venue's truth, in the end: what was lost, doubled, left bare, or booked wrongly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.verify import verify_books
from tradepool.core.ledger.trial_balance import ledger_minus_venue, trial_balance
from tradepool.domain.balance import Balance
from tradepool.domain.event import OrderRejected
from tradepool.domain.ids import AccountId
from tradepool.domain.order import OrderRequest
from tradepool.entrypoints.chaos.place import Place


class Amount(msgspec.Struct, frozen=True):
    """What is held of an asset."""

    free: Decimal
    locked: Decimal


class Ordered(msgspec.Struct, frozen=True):
    """An order at the venue."""

    client_id: str


class AccountState(msgspec.Struct, frozen=True):
    """An account at the venue."""

    balances: dict[str, Amount]
    orders: list[Ordered]
    trades: list[object]


class VenueState(msgspec.Struct, frozen=True):
    """What the venue's control door says at /state; accounts by key."""

    accounts: dict[str, AccountState]


class Found(NamedTuple):
    """What the comparison found; each line of `lost`, `doubled` and `ledger_off` names one thing."""

    lost: list[str]
    doubled: list[str]
    ledger_off: list[str]
    orders: int
    fills: int


def compare(place: Place, state: VenueState) -> Found:
    """All accounts' journals and ledgers against the venue, and against each other."""
    connection = open_store(place.database, "NORMAL")
    try:
        journal, books = DatabaseJournal(connection), DatabaseBooks(connection)
        lost, doubled, off = list[str](), list[str](), list[str]()
        for seat in place.chaos.plan().seats():
            account, told = seat.account.id, state.accounts[seat.credentials.key]
            placed = Counter(order.client_id for order in told.orders)
            intents = journal.intents(account)
            lost += _lost(journal, account, intents, placed)
            doubled += [f"{name}: {times} orders at the venue" for name, times in placed.items() if times > 1]
            doubled += _entered_twice(intents, placed)
            balances = [
                Balance(account=account, asset=asset, free=amount.free, locked=amount.locked)
                for asset, amount in told.balances.items()
            ]
            totals = trial_balance(books.transfers(account))
            differs = {asset: left for asset, left in ledger_minus_venue(totals, balances).items() if left}
            off += [f"{account}: {asset} by {left}" for asset, left in differs.items()]
        off += [f"{fault.table} {fault.row}: {fault.why}" for fault in verify_books(connection)]
        accounts = state.accounts.values()
        return Found(lost, doubled, off, sum(len(a.orders) for a in accounts), sum(len(a.trades) for a in accounts))
    finally:
        dispose(connection)


def _entered_twice(intents: Sequence[OrderRequest], placed: Mapping[str, int]) -> list[str]:
    """Markets that one candle was entered on by two orders, whatever they are called."""
    there = (each for each in intents if each.adds_risk and str(each.client_order_id) in placed)
    entered = Counter((each.account, each.market, each.time_ms) for each in there)
    return [f"{who} {market}: {times} entries of {at}" for (who, market, at), times in entered.items() if times > 1]


def _lost(
    journal: DatabaseJournal, account: AccountId, intended: Sequence[OrderRequest], placed: Mapping[str, int]
) -> list[str]:
    """Intents that came to nothing without a word, and orders of ours that nobody intended."""
    intents = {str(intent.client_order_id) for intent in intended}
    events = (event for _, _, event in journal.read(account))
    refused = {str(event.client_order_id) for event in events if isinstance(event, OrderRejected)}
    return [f"{name}: neither at the venue nor refused" for name in sorted(intents - placed.keys() - refused)] + [
        f"{name}: at the venue, in no journal" for name in sorted(placed.keys() - intents)
    ]
