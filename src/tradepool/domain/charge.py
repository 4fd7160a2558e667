"""What a user owes for profit, as events of an account that only holds his bill: settled, paid, credited, corrected.

The account is called `commission.USER`, a name that no account at a venue can have. Everything it holds follows from its
events, as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.ids import AccountId, UserId


def bill_of(user: UserId) -> AccountId:
    """The account that holds a user's bill.

    >>> bill_of(UserId("ann"))
    'commission.ann'
    """
    return AccountId(f"commission.{user}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """The user owes `amount` of `currency` more from `time_ms` on (below zero: less); who wrote it, and why."""

    time_ms: int
    currency: str
    amount: Decimal
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodSettled(Charge):
    """A period was settled: the profit that was charged so far (`mark`), and the hash of its statement. An amount of zero
    is no invoice. `marks` are each account's own, where they are settled apart."""

    opened_ms: int
    closes_ms: int
    mark: Decimal
    digest: str
    marks: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionPaid(Charge):
    """The user paid; `amount` is below zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodsCorrected(Charge):
    """Late facts changed what should have been charged up to `closes_ms`; `mark` is what the next period is measured
    from (`marks` as in the period before), `books` how far each account's books went in it, as in the statements."""

    closes_ms: int
    mark: Decimal
    books: tuple[tuple[AccountId, int], ...]
    marks: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodwillOffered(Charge):
    """A person wants `offered` to be given for a fault of ours; nothing is owed less before another one agrees."""

    offered: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodwillGiven(Charge):
    """Two people gave a credit: who offered it, and (`by`) who agreed."""

    offered_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleAgreed(Charge):
    """The user agreed to other rates from `from_ms` on: each a rate, its least capital, and whether that is included.
    `reason` says where his consent is on record; the last three are as in `core.commission.schedule`."""

    from_ms: int
    name: str
    tiers: tuple[tuple[Decimal, Decimal, bool], ...]
    netted: bool = True
    tier_window_ms: int = 86_400_000
    charges_open_winners: bool = False
