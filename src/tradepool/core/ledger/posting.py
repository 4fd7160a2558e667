"""Facts into ledger entries: what an account was opened with, and each fill.

The chart of accounts, one set per exchange account and asset: `venue` holds what the exchange holds for the user,
`capital` is where it came from, `trading` is the counterparty that swaps one asset for another, `fees` is what the
exchange kept.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tradepool.domain.balance import Balance
from tradepool.domain.by_hand import BookCorrected, PositionAdopted
from tradepool.domain.command import RecordRelease
from tradepool.domain.errors import InvalidInput
from tradepool.domain.fill import Fill
from tradepool.domain.ids import AccountId, LedgerEntryId
from tradepool.domain.ledger import LedgerCode, LedgerEntry, Transfer, TransferCode
from tradepool.domain.market import Market
from tradepool.domain.order import Side


class NegativeOpening(InvalidInput):
    """The venue says that account {account} holds {amount} {asset}, and nobody holds less than nothing: its books are not opened; look at the account there, then start again."""


def opening_entry(account: AccountId, time_ms: int, balances: tuple[Balance, ...]) -> LedgerEntry:
    """What the venue held when the platform took the account over, as the owner's capital. NegativeOpening."""
    for balance in balances:
        if balance.total < 0:
            raise NegativeOpening(account=account, amount=balance.total, asset=balance.asset)
    transfers = tuple(
        Transfer(
            debit=LedgerCode.VENUE,
            credit=LedgerCode.CAPITAL,
            asset=balance.asset,
            amount=balance.total,
            code=TransferCode.OPENING,
        )
        for balance in balances
        if balance.total
    )
    return _entry(account, time_ms, transfers, "opening")


def fill_entry(fill: Fill, market: Market) -> LedgerEntry:
    """One fill: base against quote with the market, and the fee to the venue."""
    bought = fill.side is Side.BUY
    cost = market.notional(market.ticks(fill.price), market.steps(fill.quantity))
    code = TransferCode.BOUGHT if bought else TransferCode.SOLD
    transfers = [
        _swap(market.base, fill.quantity, received=bought, code=code),
        _swap(market.quote, cost, received=not bought, code=code),
    ]
    if fill.fee:
        transfers.append(
            Transfer(
                debit=LedgerCode.FEES,
                credit=LedgerCode.VENUE,
                asset=fill.fee_asset,
                amount=fill.fee,
                code=TransferCode.FEE,
            )
        )
    return _entry(fill.account, fill.time_ms, tuple(transfers), f"fill:{fill.market}:{fill.fill_id}")


def outside_entry(fill: Fill, market: Market) -> LedgerEntry:
    """A fill of the owner's own order: what it moved came from his capital, and went there."""
    swapped = fill_entry(fill, market)
    moved = tuple(
        replace(
            transfer,
            debit=LedgerCode.CAPITAL if transfer.debit is not LedgerCode.VENUE else LedgerCode.VENUE,
            credit=LedgerCode.CAPITAL if transfer.credit is not LedgerCode.VENUE else LedgerCode.VENUE,
            code=TransferCode.OUTSIDE,
        )
        for transfer in swapped.transfers
    )
    return replace(swapped, transfers=moved)


def adopted_entry(account: AccountId, event: PositionAdopted, market: Market) -> LedgerEntry:
    """What was its owner's is traded with from now on; nothing moves at the venue."""
    moved = Transfer(
        debit=LedgerCode.CAPITAL,
        credit=LedgerCode.TRADING,
        asset=market.base,
        amount=event.quantity,
        code=TransferCode.ADOPTED,
    )
    return _entry(account, event.time_ms, (moved,), f"adopted:{market.id}:{event.time_ms}")


def released_entry(account: AccountId, release: RecordRelease, market: Market) -> LedgerEntry:
    """What was traded with is its owner's from now on; nothing moves at the venue."""
    moved = Transfer(
        debit=LedgerCode.TRADING,
        credit=LedgerCode.CAPITAL,
        asset=market.base,
        amount=release.quantity,
        code=TransferCode.RELEASED,
    )
    return _entry(account, release.time_ms, (moved,), f"released:{market.id}:{release.time_ms}")


def correction_entry(account: AccountId, event: BookCorrected) -> LedgerEntry:
    """What two people found to be wrong in the books, put right by an entry of its own."""
    moved = Transfer(
        debit=event.debit, credit=event.credit, asset=event.asset, amount=event.amount, code=TransferCode.CORRECTION
    )
    return _entry(account, event.time_ms, (moved,), f"correction:{event.time_ms}")


def _swap(asset: str, amount: Decimal, *, received: bool, code: TransferCode) -> Transfer:
    debit, credit = (LedgerCode.VENUE, LedgerCode.TRADING) if received else (LedgerCode.TRADING, LedgerCode.VENUE)
    return Transfer(debit=debit, credit=credit, asset=asset, amount=amount, code=code)


def _entry(account: AccountId, time_ms: int, transfers: tuple[Transfer, ...], reference: str) -> LedgerEntry:
    name = LedgerEntryId(f"{account}:{reference}")
    return LedgerEntry(id=name, account=account, time_ms=time_ms, transfers=transfers, reference=reference)
