"""Capital given and taken back, and the tier it makes: what flows in or out is never profit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from tradepool.core.commission.exact import ZERO, exact
from tradepool.core.commission.schedule import Schedule


class FlowKind(StrEnum):
    """Why capital moved."""

    GIVEN = "given"
    TAKEN_BACK = "taken_back"
    THIRD_ASSET_FEE = "third_asset_fee"
    WITHDRAWN_IN_KIND = "withdrawn_in_kind"
    NETWORK_FEE = "network_fee"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Capital at the venue's time: above zero given, below zero taken back, in the schedule's currency."""

    time_ms: int
    amount: Decimal
    kind: FlowKind = FlowKind.GIVEN
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `opened_ms` (included) to `closes_ms` (excluded): an event belongs to the period of its venue time.

    `joined`: it is the user's first, opened the moment the first mandate began.
    """

    opened_ms: int
    closes_ms: int
    joined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TierCapital:
    """The lowest net capital in a window, when it was that low, and the window it was looked for in."""

    amount: Decimal
    at_ms: int
    since_ms: int
    until_ms: int


@exact
def capital_at(flows: Sequence[Flow], time_ms: int) -> Decimal:
    """Net capital given up to and with a moment.

    >>> flows = [Flow(time_ms=0, amount=Decimal(900)), Flow(time_ms=5, amount=Decimal(-100))]
    >>> capital_at(flows, 4), capital_at(flows, 5)
    (Decimal('900'), Decimal('800'))
    """
    return sum((flow.amount for flow in flows if flow.time_ms <= time_ms), ZERO)


def tier_capital(flows: Sequence[Flow], period: Period, schedule: Schedule) -> TierCapital:
    """R4: the lowest net capital from a window before the period's opening to a window after it.

    Who has just joined has only the time after; a period shorter than the window ends it. 900 are held, 4,101 come at
    23:59 and leave at 00:01:

    >>> day = 86_400_000
    >>> minute, held = 60_000, Flow(time_ms=0, amount=Decimal(900))
    >>> came = Flow(time_ms=30 * day - minute, amount=Decimal(4_101))
    >>> left = Flow(time_ms=30 * day + minute, amount=Decimal(-4_101))
    >>> found = tier_capital([held, came, left], Period(opened_ms=30 * day, closes_ms=60 * day), Schedule())
    >>> found.amount, Schedule().tier(found.amount).rate * 300
    (Decimal('900'), Decimal('90.00'))

    R1: joined on the 18th, the tier is by the capital at the start, and by how little of it is left a day later.

    >>> first = Period(opened_ms=17 * day, closes_ms=30 * day, joined=True)
    >>> tier_capital([Flow(time_ms=17 * day, amount=Decimal(1_000))], first, Schedule()).amount
    Decimal('1000')

    R4 to the letter for who joins less than a window before T: a day before T nothing was given, so his second period's is 0.

    >>> second, late = Period(opened_ms=30 * day, closes_ms=60 * day), Flow(time_ms=30 * day - 1, amount=Decimal(6_000))
    >>> tier_capital([late], second, Schedule()).amount
    Decimal('0')
    """
    since_ms = period.opened_ms if period.joined else period.opened_ms - schedule.tier_window_ms
    until_ms = min(period.opened_ms + schedule.tier_window_ms, period.closes_ms - 1)
    moments = sorted({since_ms, *(flow.time_ms for flow in flows if since_ms <= flow.time_ms <= until_ms)})
    amount, at_ms = min((capital_at(flows, moment), moment) for moment in moments)
    return TierCapital(amount=amount, at_ms=at_ms, since_ms=since_ms, until_ms=until_ms)


def coming_tier(flows: Sequence[Flow], next_ms: int, now_ms: int, schedule: Schedule) -> str:
    """R5: what crosses a tier's edge counts from the next T on; the page says today which tier comes, and why.

    >>> day = 86_400_000
    >>> flows = [Flow(time_ms=0, amount=Decimal(900)), Flow(time_ms=5 * day, amount=Decimal(600))]
    >>> coming_tier(flows, 30 * day, 10 * day, Schedule())
    'From 1970-01-31 on 25 % of the profit: 1500 USDT are given, if nothing is taken back before 1970-02-01 00:00 UTC.'
    >>> coming_tier(flows, 6 * day, 5 * day + 1, Schedule())
    'From 1970-01-07 on 25 % of the profit: 1500 USDT are given, if nothing is taken back before 1970-01-08 00:00 UTC.'
    """
    since_ms = next_ms - schedule.tier_window_ms
    low = capital_at(flows, now_ms)
    if now_ms > since_ms:
        seen = Period(opened_ms=next_ms, closes_ms=now_ms + 1)
        low = min(low, tier_capital(flows, seen, schedule).amount)
    rate = (schedule.tier(low).rate * 100).normalize()
    end = datetime.fromtimestamp((next_ms + schedule.tier_window_ms) / 1_000, UTC)
    begins = datetime.fromtimestamp(next_ms / 1_000, UTC)
    return (
        f"From {begins:%Y-%m-%d} on {rate:f} % of the profit: {low} {schedule.currency} are given, "
        f"if nothing is taken back before {end:%Y-%m-%d %H:%M} UTC."
    )
