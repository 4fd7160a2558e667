"""The money that a mandate was given, beside what lies idle on the same account: what leaves is idle money first.

Then the mandate's results leave, and only what goes beyond them is capital taken back. What comes later makes that good
first; more than was given counts only when it is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.core.commission.exact import ZERO


@dataclass(slots=True)
class MandateMoney:
    """In one quote asset: what the mandate says (`given`), how much of it was taken away since (`taken`), what more was given
    in coins, or left in them (`kind`, below zero), the `cash` that it should have here, which what it buys and sells moves
    too, and what its owner moved to another account (`away`), lots at their cost.

    >>> money = MandateMoney("USDT", cash=Decimal(0))
    >>> money.change(Decimal(900)), money.leaves(Decimal(100), held=Decimal(900), lots=Decimal(0))
    (Decimal('900'), Decimal('0'))
    >>> money.leaves(Decimal(50), held=Decimal(850), lots=Decimal(0)), money.comes(Decimal(80))
    (Decimal('50'), Decimal('50'))

    A coin that was adopted at 300 and sold at 330: of 330 that leave 30 are results, and 300 capital.

    >>> money = MandateMoney("USDT", given=Decimal(900), cash=Decimal(900 + 330), kind=Decimal(300))
    >>> money.leaves(Decimal(330), held=Decimal(900), lots=Decimal(0))
    Decimal('300')
    """

    quote: str
    given: Decimal = ZERO
    taken: Decimal = ZERO
    cash: Decimal = ZERO
    away: Decimal = ZERO
    kind: Decimal = ZERO

    def change(self, capital: Decimal) -> Decimal:
        """The mandate has another capital from now on; by how much more is given. Who ends it takes all of it back, what was
        given in coins, too."""
        more = capital - (self.given - self.taken)
        if not capital:
            more, self.kind = more - self.kind, ZERO
        self.given, self.taken, self.cash = capital, ZERO, self.cash + more
        return more

    def leaves(self, amount: Decimal, held: Decimal, lots: Decimal, own: Decimal = ZERO) -> Decimal:
        """So much has left the account, on which `held` is left beside lots that cost `lots`; how much of it was capital that
        was taken away: not what of it comes to another account of the owner's (`own`)."""
        beyond = min(amount, max(ZERO, self.cash - held))
        moved = min(beyond, own)
        stands = self.given - self.taken + self.kind
        gone, results = beyond - moved, max(ZERO, self.cash + self.away + lots - stands)
        capital = min(gone - min(gone, results), max(ZERO, stands))
        self.cash -= beyond
        self.away += moved
        self.taken += capital
        return capital

    def comes(self, amount: Decimal) -> Decimal:
        """So much has come to the account; how much of it makes good what was taken."""
        back = min(amount, self.taken)
        self.taken -= back
        self.cash += back
        return back

    def returns(self, amount: Decimal) -> None:
        """So much has come from another account of the owner's: what is away is here again, the rest lies idle."""
        back = min(amount, max(ZERO, self.away))
        self.away -= back
        self.cash += back
