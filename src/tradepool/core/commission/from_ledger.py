"""What a ledger tells of profit: each fill an entry, each sale a gain against what its lot had cost.

Only what was bought here is a lot: coins that an account was opened with are the owner's own (R9). A fee in the coin that
was bought lessens the lot, one in quote the proceeds or raises the cost; one in a third asset is told apart (R12).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tradepool.core.commission.exact import ZERO, exact
from tradepool.core.commission.lots import Lot, sold
from tradepool.core.commission.settlement import Gain
from tradepool.domain.ledger import LedgerCode, LedgerEntry, Transfer, TransferCode

FILL = "fill:"
BY_HAND = (TransferCode.ADOPTED, TransferCode.RELEASED, TransferCode.OUTSIDE)


@dataclass(slots=True)
class Told:
    """Gains in order, open lots by market, all fees by asset, third-asset fees (time, asset, quantity) to be priced, and what
    people took over, gave away or moved past us: a ledger alone does not tell at what price."""

    gains: list[Gain] = field(default_factory=list)
    lots: dict[str, Lot] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)
    third_asset_fees: list[tuple[int, str, Decimal]] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)


@exact
def told_by(entries: Iterable[LedgerEntry], currency: str, before_ms: int) -> Told:
    """Read an account's entries, in order, as far as they happened before a moment.

    Raises MoreThanTheLot where more was sold than was ever bought here.
    """
    told = Told()
    for entry in entries:
        if entry.time_ms >= before_ms:
            continue
        if entry.reference.startswith(FILL):
            _take(told, entry, currency)
        elif any(transfer.code in BY_HAND for transfer in entry.transfers):
            told.by_hand.append(entry.reference)
    return told


def _take(told: Told, entry: LedgerEntry, currency: str) -> None:
    market = entry.reference[len(FILL) :].rpartition(":")[0]
    swapped = [t for t in entry.transfers if t.code in (TransferCode.BOUGHT, TransferCode.SOLD)]
    if not any(t.asset == currency for t in swapped):
        return
    (base,) = [t for t in swapped if t.asset != currency]
    (money,) = [t for t in swapped if t.asset == currency]
    fees = {t.asset: t.amount for t in entry.transfers if t.code is TransferCode.FEE}
    for asset, amount in fees.items():
        told.fees[asset] = told.fees.get(asset, ZERO) + amount
        if asset not in (base.asset, currency):
            told.third_asset_fees.append((entry.time_ms, asset, amount))
    lot = told.lots.get(market, Lot(asset=base.asset, quantity=ZERO, cost=ZERO))
    in_base, in_money = fees.get(base.asset, ZERO), fees.get(currency, ZERO)
    if _received(base):
        quantity = lot.quantity + base.amount - in_base
        told.lots[market] = Lot(asset=base.asset, quantity=quantity, cost=lot.cost + money.amount + in_money)
        return
    told.lots[market], earned = sold(lot, base.amount + in_base, money.amount, in_money)
    told.gains.append(Gain(time_ms=entry.time_ms, amount=earned, what=f"{market} {base.amount} sold"))


def _received(transfer: Transfer) -> bool:
    return transfer.debit is LedgerCode.VENUE
