"""What a mandate bought or was given, and what is earned when it goes. A user's own coins never enter (R9)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from tradepool.core.commission.exact import ZERO, exact, share
from tradepool.domain.errors import InvalidInput


class MoreThanTheLot(InvalidInput):
    """{quantity} {asset} are more than the {held} of the lot; count the owner's own coins apart from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """`quantity` of an asset that cost `cost` of its market's quote asset, the fees of buying it inside."""

    asset: str
    quantity: Decimal
    cost: Decimal

    def without(self, quantity: Decimal) -> Lot:
        """What is left of it; its cost goes with the quantity.

        >>> Lot(asset="BTC", quantity=Decimal("0.01"), cost=Decimal("600.60")).without(Decimal("0.007")).cost
        Decimal('180.18000000')
        """
        if not 0 <= quantity <= self.quantity:
            raise MoreThanTheLot(quantity=quantity, asset=self.asset, held=self.quantity)
        if quantity == self.quantity:
            return replace(self, quantity=ZERO, cost=ZERO)
        gone = share(self.cost, quantity, self.quantity)
        return replace(self, quantity=self.quantity - quantity, cost=self.cost - gone)


@exact
def sold(lot: Lot, quantity: Decimal, proceeds: Decimal, fees: Decimal) -> tuple[Lot, Decimal]:
    """What is left of a lot, and what was earned: proceeds less fees less what the sold part had cost.

    R9: one bitcoin of the owner's going from 60,000 to 66,000 is no lot; 500 USDT that earned 10 are charged 3.00.

    >>> left, earned = sold(Lot(asset="ETH", quantity=Decimal(1), cost=Decimal(500)), Decimal(1), Decimal(510), Decimal(0))
    >>> left.quantity, earned, earned * Decimal("0.30")
    (Decimal('0'), Decimal('10'), Decimal('3.00'))
    """
    left = lot.without(quantity)
    return left, proceeds - fees - (lot.cost - left.cost)


@exact
def worth_by_hand(proceeds: Decimal, fees: Decimal, ours: Decimal, quantity: Decimal) -> Decimal:
    """R10: the owner sells by hand; own coins go first, then ours, at the fill: what our part of it brought.

    With 0.005 of his own he sells 0.012 at 66,000, fee 0.1 %: 0.007 are ours.

    >>> lot, money = Lot(asset="BTC", quantity=Decimal("0.01"), cost=Decimal("600.60")), Decimal("0.012") * 66_000
    >>> worth = worth_by_hand(money, money / 1_000, Decimal("0.007"), Decimal("0.012"))
    >>> left, earned = sold(lot, Decimal("0.007"), worth, Decimal(0))
    >>> left.quantity, earned.normalize()
    (Decimal('0.003'), Decimal('41.118'))
    """
    return share(proceeds - fees, ours, quantity)


@exact
def worth_withdrawn(quantity: Decimal, close: Decimal) -> Decimal:
    """R11: our lot leaves the account in kind: as if sold at the close of that minute, no fee; as much flows out.

    >>> lot = Lot(asset="BTC", quantity=Decimal("0.01"), cost=Decimal("600.60"))
    >>> outflow = worth_withdrawn(Decimal("0.01"), Decimal(66_000))
    >>> outflow, sold(lot, Decimal("0.01"), outflow, Decimal(0))[1]
    (Decimal('660.00'), Decimal('59.40'))
    """
    return quantity * close


@exact
def worth_taken_over(quantity: Decimal, bid_vwap: Decimal | None, median: Decimal, taker_rate: Decimal) -> Decimal:
    """R8: who leaves and keeps a lot is charged as if sold at the lower of the book (where it was looked at) and the median
    of five closes, less the fee.

    >>> lot = Lot(asset="BTC", quantity=Decimal("0.01"), cost=Decimal("600.60"))
    >>> worth = worth_taken_over(lot.quantity, Decimal(66_100), Decimal(66_000), Decimal("0.001"))
    >>> sold(lot, lot.quantity, worth, Decimal(0))[1].normalize()
    Decimal('58.74')
    """
    worth = quantity * (median if bid_vwap is None else min(bid_vwap, median))
    return worth - worth * taker_rate


@exact
def fee_value(quantity: Decimal, price: Decimal) -> Decimal:
    """R12: a fee in a third asset is a cost at its price in the minute of the fill, and as much given by the user.

    >>> Decimal(10) - fee_value(Decimal("0.01"), Decimal(600))
    Decimal('4.00')
    """
    return quantity * price
