"""What a trial balance is worth in one coin, at prices that are given: one that is missing is named, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

from tradepool.core.ledger.trial_balance import EXACT, Totals
from tradepool.domain.ledger import LedgerCode


@dataclass(frozen=True, slots=True)
class Valuation:
    """Worth of each asset that the venue holds, in `currency`; `unpriced` are those without a price, and then there is no
    `total`. `closed_ms`: when each price was made."""

    currency: str
    worth: Mapping[str, Decimal]
    unpriced: tuple[str, ...]
    closed_ms: Mapping[str, int]

    @property
    def total(self) -> Decimal | None:
        """All of it, or None where a price is missing."""
        return None if self.unpriced else reduce(EXACT.add, self.worth.values(), Decimal(0))


def held_assets(totals: Totals) -> list[str]:
    """What the venue holds, more or less than zero of, by name."""
    return sorted(asset for (code, asset), amount in totals.items() if code is LedgerCode.VENUE and amount)


def valued(totals: Totals, closes: Mapping[str, tuple[int, Decimal]], currency: str) -> Valuation:
    """Value what the venue holds; `closes` are of one of each asset, in the currency: when, and at what.

    >>> held = {(LedgerCode.VENUE, "BTC"): Decimal("0.5"), (LedgerCode.VENUE, "USDT"): Decimal(9)}
    >>> valued(held, {"BTC": (0, Decimal(60_000))}, "USDT").total
    Decimal('30009.0')
    >>> valued(held, {}, "USDT").unpriced, valued(held, {}, "USDT").total
    (('BTC',), None)
    """
    known = {asset: close for asset, (_, close) in closes.items()} | {currency: Decimal(1)}
    assets = held_assets(totals)
    worth = {asset: EXACT.multiply(totals[LedgerCode.VENUE, asset], known[asset]) for asset in assets if asset in known}
    closed_ms = {asset: closes[asset][0] for asset in assets if asset in closes}
    return Valuation(currency, worth, tuple(asset for asset in assets if asset not in known), closed_ms)
