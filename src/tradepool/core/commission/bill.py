"""A user's bill, folded out of its events: what is owed since when, the mark, and the schedule of a moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradepool.core.commission.exact import ZERO, exact
from tradepool.core.commission.schedule import Schedule, Tier
from tradepool.domain.charge import (
    Charge,
    GoodwillGiven,
    GoodwillOffered,
    PeriodsCorrected,
    PeriodSettled,
    ScheduleAgreed,
)


@dataclass(frozen=True, slots=True)
class Invoice:
    """A charge that is not paid in full: what is left of it."""

    charge: Charge
    unpaid: Decimal


@exact
def unpaid(charges: Iterable[Charge]) -> list[Invoice]:
    """What is owed, the oldest first: payments and credits go to the oldest invoice, and what is too much to the next.

    >>> from tradepool.domain.charge import CommissionPaid
    >>> def charge(kind: type[Charge], amount: int) -> Charge:
    ...     return kind(time_ms=0, currency="USDT", amount=Decimal(amount), by="eva")
    >>> [str(each.unpaid) for each in unpaid([charge(Charge, 50), charge(Charge, 20), charge(CommissionPaid, -60)])]
    ['10']
    """
    invoices, credit = list[Invoice](), ZERO
    for charge in charges:
        if charge.amount > 0:
            invoices.append(Invoice(charge, charge.amount))
        else:
            credit -= charge.amount
    left = list[Invoice]()
    for invoice in invoices:
        covered = min(credit, invoice.unpaid)
        credit -= covered
        if covered < invoice.unpaid:
            left.append(Invoice(invoice.charge, invoice.unpaid - covered))
    return left


def mark_of(charges: Sequence[Charge], opened_ms: int) -> Decimal:
    """The highest profit that was charged before a period; R23: a correction may have lowered it."""
    marks = [c.mark for c in charges if isinstance(c, PeriodSettled | PeriodsCorrected) and c.closes_ms <= opened_ms]
    return marks[-1] if marks else ZERO


def marks_of(charges: Sequence[Charge], opened_ms: int) -> dict[str, Decimal]:
    """Each account's own mark where they were settled apart before a period; none where they were netted (R13)."""
    found = [c for c in charges if isinstance(c, PeriodSettled | PeriodsCorrected) and c.closes_ms <= opened_ms]
    return dict(found[-1].marks) if found else {}


def settled_periods(charges: Iterable[Charge]) -> list[PeriodSettled]:
    """The periods that were settled, in order."""
    return [charge for charge in charges if isinstance(charge, PeriodSettled)]


def schedule_at(charges: Iterable[Charge], opened_ms: int) -> Schedule:
    """R17: the schedule that the user had agreed to when a period opened.

    >>> agreed = ScheduleAgreed(time_ms=5, currency="USDT", amount=ZERO, by="eva", reason="mail", from_ms=10, name="flat",
    ...     tiers=((Decimal("0.10"), ZERO, True),))
    >>> [schedule_at([agreed], at).name for at in (9, 10)]
    ['standard', 'flat']
    """
    agreed = [c for c in charges if isinstance(c, ScheduleAgreed) and c.from_ms <= opened_ms]
    if not agreed:
        return Schedule()
    last = agreed[-1]
    return Schedule(
        name=last.name,
        tiers=tuple(Tier(rate=rate, least=least, included=included) for rate, least, included in last.tiers),
        tier_window_ms=last.tier_window_ms,
        charges_open_winners=last.charges_open_winners,
        netted=last.netted,
    )


def open_offer(charges: Iterable[Charge]) -> GoodwillOffered | None:
    """R24: the goodwill that one person has offered and nobody else has agreed to yet."""
    offer: GoodwillOffered | None = None
    for charge in charges:
        if isinstance(charge, GoodwillOffered):
            offer = charge
        elif isinstance(charge, GoodwillGiven):
            offer = None
    return offer
