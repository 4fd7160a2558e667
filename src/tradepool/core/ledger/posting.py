"""Facts into ledger entries: what an account was opened with, and each fill.

The chart of accounts, one set per exchange account and asset: `venue` holds what the exchange holds for the user,
`capital` is where it came from, `trading` is the counterparty that swaps one asset for another, `fees` is what the
exchange kept.
"""

from __future__ import annotations

from decimal import Decimal

from tradepool.domain.balance import Balance
from tradepool.domain.fill import Fill
from tradepool.domain.ids import AccountId, LedgerEntryId
from tradepool.domain.ledger import LedgerCode, LedgerEntry, Transfer, TransferCode
from tradepool.domain.market import Market
from tradepool.domain.order import Side


def opening_entry(account: AccountId, time_ms: int, balances: tuple[Balance, ...]) -> LedgerEntry:
    """What the venue held when the platform took the account over, as the owner's capital."""
    transfers = tuple(
        Transfer(
            debit=LedgerCode.VENUE,
            credit=LedgerCode.CAPITAL,
            asset=balance.asset,
            amount=balance.total,
            code=TransferCode.OPENING,
        )
        for balance in balances
        if balance.total > 0
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


def _swap(asset: str, amount: Decimal, *, received: bool, code: TransferCode) -> Transfer:
    debit, credit = (LedgerCode.VENUE, LedgerCode.TRADING) if received else (LedgerCode.TRADING, LedgerCode.VENUE)
    return Transfer(debit=debit, credit=credit, asset=asset, amount=amount, code=code)


def _entry(account: AccountId, time_ms: int, transfers: tuple[Transfer, ...], reference: str) -> LedgerEntry:
    name = LedgerEntryId(f"{account}:{reference}")
    return LedgerEntry(id=name, account=account, time_ms=time_ms, transfers=transfers, reference=reference)
