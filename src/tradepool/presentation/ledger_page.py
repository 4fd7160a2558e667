"""The trial balance, for people and as JSON."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce

import msgspec
from rich.table import Table

from tradepool.core.ledger.trial_balance import EXACT, Totals
from tradepool.core.ledger.valuation import Valuation
from tradepool.domain.ledger import LedgerCode
from tradepool.presentation.formats import iso, money
from tradepool.presentation.ledger_export import plain_amount


class WorthJson(msgspec.Struct, kw_only=True):
    """Asset -> worth in `currency` of what the venue holds, and when its price was made (ms UTC); no total where a price is
    missing."""

    currency: str
    worth: dict[str, str]
    closed_ms: dict[str, int]
    unpriced: list[str]
    total: str | None


class BalanceJson(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Ledger account -> asset -> what it holds; `value` where it was asked for."""

    schema: int
    balances: dict[str, dict[str, str]]
    value: WorthJson | None = None


def balance_json(totals: Totals, valuation: Valuation | None = None) -> BalanceJson:
    """All that is not zero."""
    held = {
        code.value: {asset: plain_amount(n) for (c, asset), n in sorted(totals.items()) if c is code and n}
        for code in LedgerCode
    }
    return BalanceJson(schema=1, balances=held, value=None if valuation is None else _worth_json(valuation))


def _worth_json(valuation: Valuation) -> WorthJson:
    total = valuation.total
    return WorthJson(
        currency=valuation.currency,
        worth={asset: plain_amount(worth) for asset, worth in valuation.worth.items()},
        closed_ms=dict(valuation.closed_ms),
        unpriced=list(valuation.unpriced),
        total=None if total is None else plain_amount(total),
    )


def valuation_page(valuation: Valuation, venue: str) -> Table:
    """A row a coin that the venue holds, and their sum where all of them have a price; each that is missing by name."""
    table = Table("asset", f"worth in {valuation.currency}", "price of")
    for asset, worth in valuation.worth.items():
        closed_ms = valuation.closed_ms.get(asset)
        table.add_row(asset, money(worth), "" if closed_ms is None else iso(closed_ms))
    for asset in valuation.unpriced:
        table.add_row(asset, f"no price of {venue}:{asset}/{valuation.currency}")
    total = valuation.total
    if valuation.unpriced:
        table.caption = (
            "Of a past moment only prices on record count: tradepool data download fetches candles of its day."
        )
    table.add_row("all", f"unknown without {', '.join(valuation.unpriced)}" if total is None else money(total))
    return table


def balance_page(totals: Totals, entries: int) -> Table:
    """A row a coin, a column a ledger account; the last one is zero, or the books are wrong."""
    table = Table("asset", *(code.value for code in LedgerCode), "sum", title=f"{entries:,} entries")
    for asset in sorted({asset for _, asset in totals}):
        amounts = [totals.get((code, asset), Decimal(0)) for code in LedgerCode]
        table.add_row(asset, *(plain_amount(amount) for amount in amounts), plain_amount(reduce(EXACT.add, amounts)))
    return table
