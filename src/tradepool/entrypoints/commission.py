"""A user's commission out of the deployment's books: previewed, settled, shown, checked. Practice money is never charged."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection

from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.settlements import DatabaseSettlements, SettledPeriod
from tradepool.core.commission.bill import mark_of, marks_of, schedule_at, settled_periods
from tradepool.core.commission.capital import Period
from tradepool.core.commission.exact import exact
from tradepool.core.commission.schedule import Schedule
from tradepool.core.commission.settlement import OpenLot
from tradepool.core.commission.statement import (
    READY_MS,
    Facts,
    Outcome,
    StatementDoesNotHold,
    facts_of,
    is_as_settled,
    outcome_of,
    statement,
    verified,
)
from tradepool.domain.charge import Charge, PeriodSettled
from tradepool.domain.deployment import Kind
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.market import SMALLEST_SELL_USD
from tradepool.domain.policy import Action, refuse_unless
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.commission_books import Asked, Books, Counted
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.venue_prices import PriceSource
from tradepool.runtime.clock import RealClock

MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
MINUTE_MS = 60_000


class NotAMonth(InvalidInput):
    """{month} is no month; write it as 2026-10."""


class NeverTraded(InvalidInput):
    """{user} has traded nothing here before {until}; there is nothing to settle."""


class NotOverYet(InvalidInput):
    """The period ends {ends} UTC and is settled six hours later, when late facts are in; commission preview shows how it stands."""


class SettledAlready(InvalidInput):
    """{month} of {user} is settled already; commission statement shows it, and what is found out later is a correction."""


class SettleInOrder(InvalidInput):
    """{missing} of {user} is not settled yet, and its mark is what {month} is measured from; settle it first."""


class NotSettled(InvalidInput):
    """{month} of {user} is not settled; commission preview shows how it stands."""


class NeverCharged(TradepoolError):
    """{user} trades play money, which is never charged; commission preview says what it would be."""


class NotPriced(TradepoolError):
    """Of {user} {count} costs or losses have no price at the venue ({assets}), and left out of a settlement too much would be charged: this period and those after it stay unsettled, and nothing is owed for them; commission preview shows them without these."""


class StillHeld(TradepoolError):
    """{user} can't leave while lots are open ({lots}); close them, or let him take them over: tradepool positions release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """How a period stands. `charged` is False for play money; `unpriced` are costs without a price, which are not in it;
    `after` is the schedule of the next one. `unsettled_ms`: since when nothing is settled before it, so that profit of that time
    is counted in it; None: all is."""

    facts: Facts
    outcome: Outcome
    charged: bool
    unpriced: list[str]
    after: Schedule
    unsettled_ms: int | None = None

    @property
    def text(self) -> str:
        """The statement that it would be; one that counts profit of a time before it, too, says so and is none."""
        text = statement(self.facts)
        if self.unsettled_ms is None:
            return text
        said = json.loads(text) | {"unsettled_ms": self.unsettled_ms}
        del said["hash"]
        return json.dumps(said, indent=1, sort_keys=True)


def month_ms(month: str | None, now_ms: int) -> tuple[int, int]:
    """The beginning and end of a calendar month, UTC; None: the running one. NotAMonth.

    >>> month_ms("2026-10", 0)
    (1790812800000, 1793491200000)
    """
    if month is None:
        month = f"{datetime.fromtimestamp(now_ms / 1_000, UTC):%Y-%m}"
    found = MONTH.fullmatch(month)
    if found is None:
        raise NotAMonth(month=repr(month)[:40])
    year, number = int(found[1]), int(found[2])
    try:
        first = datetime(year, number, 1, tzinfo=UTC)
        after = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    except ValueError:
        raise NotAMonth(month=repr(month)) from None
    return int(first.timestamp()) * 1_000, int(after.timestamp()) * 1_000


def preview(deployed: Deployed, connection: Connection, source: PriceSource, user: str, month: str | None) -> Preview:
    """How a period of a user stands now; prices that are not on record are asked of the venue and written down.

    NoSuchUser, NotAMonth, NeverTraded, and what asking the venue raises.
    """
    now_ms = source.now_ms()
    asked, charges = _asked(deployed, connection, user, month, now_ms)
    books = Books(deployed, connection, source)
    counted = books.counted(asked)
    return Preview(
        facts=counted.facts,
        outcome=outcome_of(counted.facts),
        charged=deployed.deployment.kind is Kind.LIVE,
        unpriced=list(counted.unpriced),
        after=schedule_at(charges, asked.period.closes_ms),
        unsettled_ms=_unsettled_ms(charges, books.joined_ms(asked.books), asked.period.opened_ms),
    )


def _unsettled_ms(charges: Sequence[Charge], joined_ms: int | None, opened_ms: int) -> int | None:
    """Since when nothing is settled before a period opens."""
    ends = [each.closes_ms for each in settled_periods(charges) if each.closes_ms <= opened_ms]
    since_ms = ends[-1] if ends else joined_ms
    return since_ms if since_ms is not None and since_ms < opened_ms else None


def _asked(
    deployed: Deployed, connection: Connection, user: str, month: str | None, now_ms: int
) -> tuple[Asked, Sequence[Charge]]:
    """What a month is about: from its beginning, the user's first trade or what was settled within it; and the bill that
    says so."""
    books, charges = Books(deployed, connection), DatabaseSettlements(connection).charges(UserId(user))
    held = books.now(user)
    opened_ms, closes_ms = month_ms(month, now_ms)
    joined_ms = books.joined_ms(held)
    if joined_ms is None or joined_ms >= closes_ms:
        raise NeverTraded(user=user, until=day_of(closes_ms))
    # R8, R17: what was settled in the middle of a month divides it.
    within = [each.closes_ms for each in settled_periods(charges) if opened_ms < each.closes_ms < closes_ms]
    opened_ms = max(opened_ms, joined_ms, *within)
    asked = Asked(
        user=UserId(user),
        period=Period(opened_ms=opened_ms, closes_ms=closes_ms, joined=opened_ms == joined_ms),
        schedule=schedule_at(charges, opened_ms),
        mark=mark_of(charges, opened_ms),
        counted_ms=now_ms,
        books=held,
        marks=marks_of(charges, opened_ms),
    )
    return asked, charges


def settle(
    deployed: Deployed, connection: Connection, source: PriceSource, user: str, month: str, reason: str
) -> SettledPeriod:
    """Write a month's statement down, and why; its mark is what the next one is measured from.

    NeverCharged, NotPriced, NotOverYet, SettledAlready, SettleInOrder, StatementNotAsSettled, ChangedMeanwhile, and what
    `preview` raises.
    """
    now_ms = source.now_ms()
    asked, charges = _asked(deployed, connection, user, month, now_ms)
    if deployed.deployment.kind is not Kind.LIVE:
        raise NeverCharged(user=user)
    if now_ms < asked.period.closes_ms + READY_MS:
        raise NotOverYet(ends=day_of(asked.period.closes_ms))
    return _settle(deployed, connection, source, asked, charges, month, reason)


def settle_now(
    deployed: Deployed, connection: Connection, source: PriceSource, user: str, reason: str, *, leaving: bool
) -> SettledPeriod:
    """End the running period this minute and write its statement down: because the user leaves (R8), which needs that
    nothing of ours is held any more, or because another schedule begins (R17).

    NeverCharged, StillHeld, NotPriced, SettleInOrder, ChangedMeanwhile, and what `preview` raises.
    """
    now_ms = source.now_ms() // MINUTE_MS * MINUTE_MS
    asked, charges = _asked(deployed, connection, user, None, now_ms)
    if deployed.deployment.kind is not Kind.LIVE:
        raise NeverCharged(user=user)
    if asked.period.opened_ms >= now_ms:
        raise NeverTraded(user=user, until=day_of(now_ms))
    period = Period(opened_ms=asked.period.opened_ms, closes_ms=now_ms, joined=asked.period.joined)
    asked = replace(asked, period=period)
    if leaving and (lots := _held(Books(deployed, connection, source).counted(asked).facts)):
        raise StillHeld(user=user, lots=", ".join(f"{each.lot.quantity} {each.lot.asset}" for each in lots))
    return _settle(deployed, connection, source, asked, charges, "the time until now", reason)


@exact
def _held(facts: Facts) -> list[OpenLot]:
    """Lots that can be sold, or taken over. What a fee in the coin left of one is too small for either: it counts as it would
    at any T (R6, R7)."""

    def worth(each: OpenLot) -> Decimal:
        # A rate that nobody knows makes no lot small.
        return max(each.lot.cost, each.lot.quantity * each.price.price) * (each.rate or 1)

    return [each for each in facts.open_lots if worth(each) >= SMALLEST_SELL_USD]


def _settle(
    deployed: Deployed,
    connection: Connection,
    source: PriceSource,
    asked: Asked,
    charges: Sequence[Charge],
    month: str,
    reason: str,
) -> SettledPeriod:
    rows, user, period = DatabaseSettlements(connection), asked.user, asked.period
    refuse_unless(deployed.actor, Action.BILLING, user)
    # Said before anything is charged.
    rows.of(user)
    before = settled_periods(charges)
    if any(each.closes_ms >= period.closes_ms for each in before):
        raise SettledAlready(month=month, user=user)
    expected = before[-1].closes_ms if before else None
    if (expected is None and not period.joined) or (expected is not None and expected != period.opened_ms):
        raise SettleInOrder(missing="an earlier month", user=user, month=month)
    counted = counted_whole(Books(deployed, connection, source), asked)
    text = statement(counted.facts)
    outcome = outcome_of(counted.facts)
    done = outcome.settled
    charge = PeriodSettled(
        time_ms=asked.counted_ms,
        currency=asked.schedule.currency,
        amount=done.commission,
        by=me(),
        reason=reason,
        opened_ms=period.opened_ms,
        closes_ms=period.closes_ms,
        mark=done.mark_after,
        digest=json.loads(text)["hash"],
        marks=tuple(outcome.marks.items()),
    )
    rows.settle(user, charge, text, after=len(charges))
    audit(deployed, connection, "commission settle", f"{user} {month}", reason)
    return settled_of(deployed, connection, user, day_of(period.closes_ms)[:10], closes_ms=period.closes_ms)


def counted_whole(books: Books, asked: Asked) -> Counted:
    """The facts of a period whose costs all have a price: without one of them too much would be charged. NotPriced."""
    counted = books.counted(asked)
    if counted.unpriced:
        found = counted.unpriced
        more = "" if len(found) <= 3 else ", ..."
        raise NotPriced(user=asked.user, count=len(found), assets=", ".join(found[:3]) + more)
    return counted


def settled_of(
    deployed: Deployed, connection: Connection, user: str, month: str, *, closes_ms: int | None = None
) -> SettledPeriod:
    """A settled period of a user: the last of a month, or the one that ended on a day. NoSuchUser, NotAMonth, NotSettled,
    StatementNotAsSettled."""
    deployed.refuse_unknown_user(user)
    ended_on = month if DAY.fullmatch(month) else None
    first_ms, after_ms = month_ms(month[:7] if ended_on else month, 0)
    for each in reversed(DatabaseSettlements(connection).of(UserId(user))):
        right_day = ended_on is None or day_of(each.closes_ms).startswith(ended_on)
        inside = first_ms < each.closes_ms <= after_ms or (ended_on is not None and each.closes_ms == first_ms)
        if each.closes_ms == closes_ms or (closes_ms is None and right_day and inside):
            return each
    raise NotSettled(month=month, user=user)


def by_the_books(deployed: Deployed, connection: Connection, text: str) -> bool:
    """Whether the books give a statement again, byte for byte, as they were when it was counted. False: that period of that
    user was never settled here. NotAStatement, StatementDoesNotHold, NotOnRecord."""
    verified(text)
    said = facts_of(text)
    deployed.refuse_unknown_user(said.user)
    charges = DatabaseSettlements(connection).charges(UserId(said.user))
    place = next((n for n, each in enumerate(charges) if _is(each, said.period)), None)
    if place is None:
        return False
    settled, before = charges[place], charges[:place]
    # As much of the books as it says it was counted by is not yet all that it was settled by.
    if isinstance(settled, PeriodSettled) and not is_as_settled(text.strip(), settled.digest):
        raise StatementDoesNotHold(said=json.loads(text)["hash"], what="the books", found=settled.digest)
    asked = Asked(
        user=UserId(said.user),
        period=said.period,
        schedule=schedule_at(before, said.period.opened_ms),
        mark=mark_of(before, said.period.opened_ms),
        counted_ms=settled.time_ms,
        books={AccountId(account): until for account, until in said.books.items()},
        marks=marks_of(before, said.period.opened_ms),
    )
    found = statement(Books(deployed, connection).counted(asked).facts)
    if found != text.strip():
        raise StatementDoesNotHold(said=json.loads(text)["hash"], what="the books", found=json.loads(found)["hash"])
    return True


def _is(charge: Charge, period: Period) -> bool:
    return isinstance(charge, PeriodSettled) and charge.opened_ms == period.opened_ms


def day_of(time_ms: int) -> str:
    """A UTC minute."""
    return f"{datetime.fromtimestamp(time_ms / 1_000, UTC):%Y-%m-%d %H:%M}"


def audit(deployed: Deployed, connection: Connection, what: str, scope: str, reason: str = "") -> None:
    """Write down what a person did."""
    rows = DatabaseDeployment(connection, deployed.deployment)
    rows.audit(Deed(time_ms=RealClock().now_ms(), by=me(), what=what, scope=scope, reason=reason))
