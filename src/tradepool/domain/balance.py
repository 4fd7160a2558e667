"""The venue's word on what an account holds."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, Inexact

from tradepool.domain.ids import AccountId

# A token of 18 decimals may have more digits than decimals carry of themselves.
WIDE = Context(prec=120, traps=[Inexact])


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """`free` can be traded, `locked` is held by open orders."""

    account: AccountId
    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        """All of it, free and locked."""
        return WIDE.add(self.free, self.locked)
