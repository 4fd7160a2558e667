"""What a ledger tells of profit: each fill an entry, each sale a gain against what its lot had cost.

Only what was bought here is a lot: coins that an account was opened with are the owner's own (R9). A fee in the coin that
was bought lessens the lot, one in quote the proceeds or raises the cost; one in a third asset is told apart (R12). What a
mandate was given to sell is in its lot at no cost, and told as `by_hand`, because nobody knows what it had cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tradepool.core.commission.exact import ZERO, exact
from tradepool.core.commission.lots import Lot, sold
from tradepool.core.commission.settlement import Gain
from tradepool.domain.ledger import LedgerCode, LedgerEntry, Transfer, TransferCode

FILL = "fill:"
BY_HAND = frozenset((TransferCode.ADOPTED, TransferCode.RELEASED, TransferCode.OUTSIDE))


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
        # A fill of the owner's own order is called as ours are.
        if any(transfer.code in BY_HAND for transfer in entry.transfers):
            told.by_hand.append(entry.reference)
            _move(told, entry, currency)
        elif entry.reference.startswith(FILL):
            _take(told, entry, currency)
    return told


def _market(entry: LedgerEntry) -> str:
    return entry.reference.partition(":")[2].rpartition(":")[0]


def _move(told: Told, entry: LedgerEntry, currency: str) -> None:
    """What was adopted is in the lot, what was released is not; what the owner traded himself never was."""
    market = _market(entry)
    if not market.endswith(f"/{currency}"):
        return
    for moved in entry.transfers:
        lot = told.lots.get(market, Lot(asset=moved.asset, quantity=ZERO, cost=ZERO))
        if moved.code is TransferCode.ADOPTED:
            told.lots[market] = replace(lot, quantity=lot.quantity + moved.amount)
        elif moved.code is TransferCode.RELEASED:
            told.lots[market] = lot.without(min(moved.amount, lot.quantity))


def _take(told: Told, entry: LedgerEntry, currency: str) -> None:
    market = _market(entry)
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
    # A fee beyond the lot is paid with coins of the owner's own.
    gone = base.amount + min(in_base, max(ZERO, lot.quantity - base.amount))
    told.lots[market], earned = sold(lot, gone, money.amount, in_money)
    told.gains.append(Gain(time_ms=entry.time_ms, amount=earned, what=f"{market} {base.amount} sold"))


def _received(transfer: Transfer) -> bool:
    return transfer.debit is LedgerCode.VENUE
