"""What a mandate bought or was given, and what is earned when it goes. A user's own coins never enter (R9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tradepool.core.commission.exact import ZERO, exact, share
from tradepool.core.commission.prices import median_close
from tradepool.domain.errors import InvalidInput

TAKE_OVER_CLOSES = 5


class MoreThanTheLot(InvalidInput):
    """{quantity} {asset} are more than the {held} of the lot; count the owner's own coins apart from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """`quantity` of an asset that cost `cost` of the schedule's currency, the fees of buying it inside."""

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
def sold_by_hand(
    lot: Lot, own: Decimal, quantity: Decimal, price: Decimal, fee_rate: Decimal
) -> tuple[Lot, Decimal, Decimal]:
    """R10: the owner sells by hand: own coins go first, then ours, at the fill: (lot, own coins left, earned).

    >>> lot = Lot(asset="BTC", quantity=Decimal("0.01"), cost=Decimal("600.60"))
    >>> left, own, earned = sold_by_hand(lot, Decimal("0.005"), Decimal("0.012"), Decimal(66_000), Decimal("0.001"))
    >>> left.quantity, own, earned.normalize()
    (Decimal('0.003'), Decimal('0.000'), Decimal('41.118'))
    """
    ours = max(ZERO, quantity - own)
    left, earned = sold(lot, ours, ours * price, ours * price * fee_rate)
    return left, own - (quantity - ours), earned


@exact
def withdrawn(lot: Lot, quantity: Decimal, close: Decimal) -> tuple[Lot, Decimal, Decimal]:
    """R11: our lot leaves the account in kind: as if sold at the close of that minute, no fee: (lot, earned, outflow).

    >>> lot = Lot(asset="BTC", quantity=Decimal("0.01"), cost=Decimal("600.60"))
    >>> withdrawn(lot, Decimal("0.01"), Decimal(66_000))[1:]
    (Decimal('59.40'), Decimal('660.00'))
    """
    worth = quantity * close
    left, earned = sold(lot, quantity, worth, ZERO)
    return left, earned, worth


@exact
def taken_over(lot: Lot, bid_vwap: Decimal, closes: Sequence[Decimal], taker_rate: Decimal) -> Decimal:
    """R8: who leaves and keeps a lot is charged as if sold at the lower of the book and five closes, less the fee.

    >>> lot = Lot(asset="BTC", quantity=Decimal("0.01"), cost=Decimal("600.60"))
    >>> taken_over(lot, Decimal(66_100), [Decimal(66_000)] * 5, Decimal("0.001")).normalize()
    Decimal('58.74')
    """
    worth = lot.quantity * min(bid_vwap, median_close(closes, TAKE_OVER_CLOSES))
    return worth - worth * taker_rate - lot.cost


@exact
def after_third_asset_fee(gross: Decimal, quantity: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
    """R12: a fee in a third asset is a cost at its price in the minute of the fill, and as much given by the user.

    >>> after_third_asset_fee(Decimal(10), Decimal("0.01"), Decimal(600))
    (Decimal('4.00'), Decimal('6.00'))
    """
    fee = quantity * price
    return gross - fee, fee
