"""The trial balance, for people and as JSON."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce

import msgspec
from rich.table import Table

from tradepool.core.ledger.trial_balance import EXACT, Totals
from tradepool.domain.ledger import LedgerCode
from tradepool.presentation.ledger_export import plain_amount


class BalanceJson(msgspec.Struct, kw_only=True):
    """Ledger account -> asset -> what it holds."""

    schema: int = 1
    balances: dict[str, dict[str, str]]


def balance_json(totals: Totals) -> BalanceJson:
    """All that is not zero."""
    held = {
        code.value: {asset: plain_amount(n) for (c, asset), n in sorted(totals.items()) if c is code and n}
        for code in LedgerCode
    }
    return BalanceJson(balances=held)


def balance_page(totals: Totals, entries: int) -> Table:
    """A row a coin, a column a ledger account; the last one is zero, or the books are wrong."""
    table = Table("asset", *(code.value for code in LedgerCode), "sum", title=f"{entries:,} entries")
    for asset in sorted({asset for _, asset in totals}):
        amounts = [totals.get((code, asset), Decimal(0)) for code in LedgerCode]
        table.add_row(asset, *(plain_amount(amount) for amount in amounts), plain_amount(reduce(EXACT.add, amounts)))
    return table
