"""R15: lots on their way from one account of a user's to another. They stay lots, and what they had cost goes along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tradepool.core.commission.lots import Lot

# Whoever has a lot of a market from now on.
Taker = Callable[[str, Lot], None]


@dataclass(slots=True)
class Parcels:
    """By the ledger entry that they left with: lots that have not come anywhere yet, with who sent them; and who has what
    left with an entry that is not read yet: clocks of two venues differ.

    >>> from decimal import Decimal
    >>> parcels, lot = Parcels(), Lot(asset="BTC", quantity=Decimal(1), cost=Decimal(100))
    >>> parcels.leave("w1", "binance:BTC/USDT", lot, lambda market, lot: print(market, "is still with its sender"))
    >>> parcels.arrive("w1", lambda market, lot: print(market, "cost", lot.cost))
    binance:BTC/USDT cost 100
    >>> parcels.put_back()
    """

    sent: dict[str, list[tuple[str, Lot, Taker]]] = field(default_factory=dict)
    taken: dict[str, Taker] = field(default_factory=dict)

    def leave(self, entry: str, market: str, lot: Lot, sender: Taker) -> None:
        """A lot leaves with an entry."""
        if entry in self.taken:
            self.taken[entry](market, lot)
        else:
            self.sent.setdefault(entry, []).append((market, lot, sender))

    def arrive(self, entry: str, taker: Taker) -> None:
        """What left with an entry has come."""
        self.taken[entry] = taker
        for market, lot, _ in self.sent.pop(entry, []):
            taker(market, lot)

    def put_back(self) -> None:
        """At the end: what is still on its way counts where it left."""
        for market, lot, sender in (parcel for parcels in self.sent.values() for parcel in parcels):
            sender(market, lot)
        self.sent.clear()
