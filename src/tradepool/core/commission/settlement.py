"""A period settled: profit above the highest that was ever settled, at the tier's rate, floored once.

`pnl` is cumulative since joining: what was realised, and of open lots only what they have lost. The mark is the highest
`pnl` ever charged; it starts at zero, is never reset and lowered by a correction alone. So neither the times of deposits
nor a loss before joining can change what is owed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradepool.core.commission.exact import ZERO, exact, floored
from tradepool.core.commission.lots import Lot
from tradepool.core.commission.prices import Priced
from tradepool.core.commission.schedule import Schedule
from tradepool.domain.deployment import Mode
from tradepool.domain.errors import InvalidInput


class OnePersonOnly(InvalidInput):
    """Goodwill needs two people, and {person} is one; let somebody else confirm it."""


class NothingToCredit(InvalidInput):
    """A credit of {amount} is not above zero; write the amount that the user gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What one exit earned (below zero: lost), all fees inside, in the schedule's currency, frozen at its exit; on which
    account, where they are settled apart."""

    time_ms: int
    amount: Decimal
    what: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLot:
    """A lot that is open at the settlement: its price there, the share that selling it would cost, and the close of its
    quote asset in the schedule's currency (R21); `account` as of a gain."""

    lot: Lot
    price: Priced
    taker_rate: Decimal = ZERO
    market: str = ""
    rate: Decimal = Decimal(1)
    account: str = ""

    @exact
    def unrealised(self) -> Decimal:
        """What selling it would have earned or lost.

        >>> lot = Lot(asset="BTC", quantity=Decimal("0.01"), cost=Decimal("600.60"))
        >>> OpenLot(lot=lot, price=Priced(price=Decimal(57_000)), taker_rate=Decimal("0.001")).unrealised()
        Decimal('-31.17000')
        """
        worth = self.lot.quantity * self.price.price
        return (worth - worth * self.taker_rate - self.lot.cost) * self.rate

    def counted(self, schedule: Schedule) -> Decimal:
        """What of that is in the profit: what it has lost and, where the schedule charges open winners, what it has won.
        R20: an old price can only lower the commission, so that a winner by one still counts at its cost.

        >>> lot, all_of_it = Lot(asset="BTC", quantity=Decimal(1), cost=Decimal(100)), Schedule(charges_open_winners=True)
        >>> won, old = (OpenLot(lot=lot, price=Priced(price=Decimal(140), provisional=old)) for old in (False, True))
        >>> won.counted(Schedule()), won.counted(all_of_it), old.counted(all_of_it)
        (Decimal('0'), Decimal('40'), Decimal('0'))
        """
        whole, charged = self.unrealised(), schedule.charges_open_winners and not self.price.provisional
        return whole if charged else min(ZERO, whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """One period: `base` is what was charged, `mark_after` what the next one is measured from."""

    pnl: Decimal
    mark_before: Decimal
    rate: Decimal
    base: Decimal
    commission: Decimal
    mark_after: Decimal


@exact
def pnl_of(gains: Sequence[Gain], open_lots: Sequence[OpenLot], schedule: Schedule) -> Decimal:
    """Profit since joining. R6: an open winner counts at its cost. R7: an open loser lowers it at once.

    >>> won, lost = [OpenLot(lot=Lot(asset="A", quantity=Decimal(1), cost=Decimal(100)), price=Priced(price=Decimal(p)))
    ...              for p in (140, 70)]
    >>> realised = [Gain(time_ms=0, amount=Decimal(100))]
    >>> pnl_of(realised, [won], Schedule()), pnl_of(realised, [lost], Schedule())
    (Decimal('100'), Decimal('70'))

    Where the schedule charges open winners, the first one counts as well.

    >>> pnl_of(realised, [won], Schedule(charges_open_winners=True))
    Decimal('140')
    """
    open_pnl = sum((each.counted(schedule) for each in open_lots), ZERO)
    return sum((gain.amount for gain in gains), ZERO) + open_pnl


@exact
def settle(pnl: Decimal, mark: Decimal, rate: Decimal, schedule: Schedule) -> Settled:
    """What a period owes.

    R6: realised 100 with an open winner; it closes 10 lower; later 130 in all.

    >>> def owed(*pnls: str, rate: str = "0.25") -> list[str]:
    ...     mark, found = Decimal(0), []
    ...     for pnl in pnls:
    ...         done = settle(Decimal(pnl), mark, Decimal(rate), Schedule())
    ...         found, mark = [*found, f"{done.commission:.2f}"], done.mark_after
    ...     return found
    >>> owed("100", "90", "130")
    ['25.00', '0.00', '7.50']

    R18: closed after -200 and opened anew with +150, the mark follows the user. R19: never below zero, the loss is carried.

    >>> owed("-200", "-50"), owed("-120", "30", rate="0.30")
    (['0.00', '0.00'], ['0.00', '9.00'])

    R22: one floor at the end; what is below the smallest invoice is not invoiced, and the mark stays, so that it is charged
    with what comes later.

    >>> owed("200.039", rate="0.30"), owed("3.9", "8")
    (['60.01'], ['0.00', '2.00'])

    R17: a schedule that changes at once settles first at the old rate.

    >>> first = settle(Decimal(100), Decimal(0), Decimal("0.25"), Schedule())
    >>> first.commission, settle(Decimal(180), first.mark_after, Decimal("0.20"), Schedule()).commission
    (Decimal('25.00'), Decimal('16.00'))
    """
    base = max(ZERO, pnl - mark)
    commission = floored(rate * base)
    # Of nothing there is no invoice, however small one may be: the mark is never lowered.
    invoiced = commission > 0 and commission >= schedule.smallest_invoice
    return Settled(
        pnl=pnl,
        mark_before=mark,
        rate=rate,
        base=base if invoiced else ZERO,
        commission=commission if invoiced else floored(ZERO),
        mark_after=pnl if invoiced else mark,
    )


@dataclass(frozen=True, slots=True)
class Correction:
    """The periods as they should have been, and what is given back (below zero: was charged too little)."""

    settled: tuple[Settled, ...]
    credit: Decimal


@exact
def corrected(periods: Sequence[Settled], changes: Mapping[int, Decimal], schedule: Schedule) -> Correction:
    """R23: late facts: `changes` of the pnl realised in a period, by its place; each period at its own rate again.

    >>> charged = settle(Decimal(100), Decimal(0), Decimal("0.25"), Schedule())
    >>> fixed = corrected([charged], {0: Decimal(-40)}, Schedule())
    >>> fixed.credit, fixed.settled[-1].mark_after
    (Decimal('10.00'), Decimal('60'))
    """
    change, mark, anew = ZERO, periods[0].mark_before if periods else ZERO, list[Settled]()
    for place, period in enumerate(periods):
        # Pnl is cumulative: what changed in one period changes all later ones.
        change += changes.get(place, ZERO)
        anew.append(settle(period.pnl + change, mark, period.rate, schedule))
        mark = anew[-1].mark_after
    before, after = (sum((each.commission for each in all_), ZERO) for all_ in (periods, anew))
    return Correction(tuple(anew), before - after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodwill:
    """R24: our fault: the loss stays in the pnl, and the user gets a credit note that two people have signed.

    >>> Goodwill(amount=Decimal(5), reason="outage", by="eva", confirmed_by="eva")
    Traceback (most recent call last):
    tradepool.core.commission.settlement.OnePersonOnly: Goodwill needs two people, and eva is one; let somebody else confirm it.
    """

    amount: Decimal
    reason: str
    by: str
    confirmed_by: str

    def __post_init__(self) -> None:
        """Two people, and something to give."""
        if self.by == self.confirmed_by:
            raise OnePersonOnly(person=self.by)
        if self.amount <= 0:
            raise NothingToCredit(amount=self.amount)


def counts(mode: Mode) -> bool:
    """R25: practice and shadow never count; paying is a flow, so it is in no gain and lowers neither pnl nor mark.

    >>> [mode.value for mode in Mode if not counts(mode)]
    ['practice', 'shadow']
    """
    return mode not in (Mode.PRACTICE, Mode.SHADOW)
