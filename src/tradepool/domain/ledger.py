"""Money in motion: transfers between ledger accounts, appended and never edited."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import AccountId, LedgerEntryId


class TransferNotPositive(InvalidInput):
    """A transfer of {amount} {asset} is not positive; swap debit and credit instead."""


class LedgerCode(StrEnum):
    """The chart of accounts: what a ledger account is for, one per exchange account and asset."""

    VENUE = "venue"
    CAPITAL = "capital"
    TRADING = "trading"
    FEES = "fees"
    COMMISSION = "commission"
    OWED = "owed"


class TransferCode(StrEnum):
    """Why money moved."""

    OPENING = "opening"
    BOUGHT = "bought"
    SOLD = "sold"
    FEE = "fee"
    ADOPTED = "adopted"
    RELEASED = "released"
    OUTSIDE = "outside"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    NETWORK_FEE = "network_fee"
    MOVED = "moved"
    DIVIDEND = "dividend"
    DUST = "dust"
    UNEXPLAINED = "unexplained"
    COMMISSION = "commission"
    PAID = "paid"
    GOODWILL = "goodwill"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """So much of one asset from `credit` to `debit`: each asset balances by construction."""

    debit: LedgerCode
    credit: LedgerCode
    asset: str
    amount: Decimal
    code: TransferCode

    def __post_init__(self) -> None:
        """An amount is positive; direction is said by debit and credit."""
        if self.amount <= 0:
            raise TransferNotPositive(amount=self.amount, asset=self.asset)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """Transfers that belong together; `reference` names the fact they follow from (a fill, an opening balance)."""

    id: LedgerEntryId
    account: AccountId
    time_ms: int
    transfers: tuple[Transfer, ...]
    reference: str
