"""What people do to a bill: pay it, correct it, credit it, agree on other rates. Each is an event with its ledger entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sqlalchemy import Connection

from tradepool.adapters.database.prices import DatabasePrices
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.core.commission.bill import mark_of, marks_of, open_offer, settled_periods, unpaid
from tradepool.core.commission.exact import CENT, ZERO, exact
from tradepool.core.commission.netting import closing_marks
from tradepool.core.commission.recorded import Recorded, bid_of
from tradepool.core.commission.schedule import HOUR_MS, Schedule, Tier
from tradepool.core.commission.settlement import Correction, Goodwill, Settled, corrected, settle
from tradepool.core.commission.statement import facts_of, outcome_of
from tradepool.domain.charge import (
    Charge,
    CommissionPaid,
    GoodwillGiven,
    GoodwillOffered,
    PeriodsCorrected,
    PeriodSettled,
    ScheduleAgreed,
)
from tradepool.domain.deployment import Kind
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import MarketId, UserId
from tradepool.domain.policy import Action, refuse_unless
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.commission import audit, counted_whole, day_of, month_ms, settle_now, settled_of
from tradepool.entrypoints.commission_books import Asked, Books
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.venue_prices import PriceSource, bid_for
from tradepool.entrypoints.venue_way import way_to
from tradepool.runtime import telemetry
from tradepool.runtime.clock import RealClock

log = telemetry.logger(__name__)


class NothingToCorrect(InvalidInput):
    """The books give what {user} was charged, to the cent; nothing was written."""


class NoConsent(InvalidInput):
    """Other rates need the user's consent on record; say where it is, such as --consent "mail of 2026-10-03"."""


class NotATier(InvalidInput):
    """{text} is no tier; write the least capital and the rate, such as 0=0.30, 1000=0.25 and, above 5000 only, 5000+=0.20."""


class NoAmount(InvalidInput):
    """{text} is no amount of whole cents above zero; write it as 5.00."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a correction changed: each period as it was charged and as it should have been, and what is owed more by it."""

    periods: Sequence[tuple[PeriodSettled, Settled]]
    change: Decimal


def note_bid(deployed: Deployed, market: str, quantity: str) -> None:
    """R8: write down what the book gives for a lot that has just been taken over. Where that is not to be had, the median of
    the minutes counts alone."""
    if deployed.deployment.kind is not Kind.LIVE:
        return
    way, amount = way_to(deployed), Decimal(quantity)
    try:
        bid = bid_for(deployed, way, MarketId(market), amount)
    except TradepoolError as error:
        log.warning("no bid for a lot that was released", market=market, error=str(error))
        return
    key = bid_of(MarketId(market), amount, way[0].now_ms())
    if bid is not None:
        with books_open(deployed) as connection:
            DatabasePrices(connection).add({key: Recorded(bid)})


def pay(deployed: Deployed, connection: Connection, user: str, month: str, reason: str) -> Decimal:
    """The user paid all that he owed up to and with a settled month, corrections of it too; how much that was. Paying moves
    no mark (R25). ChangedMeanwhile, as everything here."""
    refuse_unless(deployed.actor, Action.BILLING, UserId(user))
    held = settled_of(deployed, connection, user, month)
    rows = DatabaseSettlements(connection)
    charges = rows.charges(UserId(user))
    amount = _owed(charges, held.closes_ms)
    if amount:
        charge = CommissionPaid(time_ms=_now_ms(), currency=Schedule().currency, amount=-amount, by=me(), reason=reason)
        rows.write(UserId(user), charge, after=len(charges))
        audit(deployed, connection, "commission pay", f"{user} {month}", reason)
    return amount


@exact
def _owed(charges: Sequence[Charge], closes_ms: int) -> Decimal:
    """What is not paid of periods that ended by then. A correction is written later than any of them, and is about them."""
    invoices = [(each.charge, each.unpaid) for each in unpaid(charges)]
    about = PeriodSettled | PeriodsCorrected
    return sum((left for charge, left in invoices if isinstance(charge, about) and charge.closes_ms <= closes_ms), ZERO)


def correct(deployed: Deployed, connection: Connection, source: PriceSource, user: str, reason: str) -> Corrected:
    """R23: settle every period again by what the books hold now, each at its own rate, and charge or credit the difference.

    NothingToCorrect, NotPriced, StatementNotAsSettled, and what asking the venue raises.
    """
    deployed.refuse_unknown_user(user)
    refuse_unless(deployed.actor, Action.CORRECT, UserId(user))
    rows, books = DatabaseSettlements(connection), Books(deployed, connection, source)
    charges, now_ms, held = rows.charges(UserId(user)), source.now_ms(), books.now(user)
    said = {each.opened_ms: facts_of(each.statement) for each in rows.of(UserId(user))}
    periods, before, anew = settled_periods(charges), list[Settled](), list[Decimal]()
    mark, marks = ZERO, dict[str, Decimal]()
    for period in periods:
        facts = said[period.opened_ms]
        before.append(outcome_of(facts).settled)
        asked = Asked(
            user=UserId(user),
            period=facts.period,
            schedule=facts.schedule,
            mark=facts.mark,
            counted_ms=now_ms,
            books=held,
            marks=marks,
        )
        found = outcome_of(counted_whole(books, asked).facts)
        anew.append(found.settled.pnl)
        again = settle(anew[-1], mark, before[-1].rate, facts.schedule)
        mark, marks = again.mark_after, closing_marks(found.accounts, again)
    fixed = corrected(before, _changes(before, anew), Schedule())
    change = _owed_more(charges, fixed)
    # Marks that moved against each other are news, too, although all of them together are what they were.
    closes_ms = periods[-1].closes_ms if periods else 0
    same = (mark, marks) == (mark_of(charges, closes_ms), marks_of(charges, closes_ms))
    if not periods or (not change and same):
        raise NothingToCorrect(user=user)
    last, mark = periods[-1], fixed.settled[-1].mark_after
    charge = PeriodsCorrected(
        time_ms=_now_ms(),
        currency=last.currency,
        amount=change,
        by=me(),
        reason=reason,
        closes_ms=last.closes_ms,
        mark=mark,
        books=tuple(sorted(held.items())),
        marks=tuple(marks.items()),
    )
    rows.write(UserId(user), charge, after=len(charges))
    audit(deployed, connection, "commission correct", user, reason)
    return Corrected(list(zip(periods, fixed.settled, strict=True)), change)


@exact
def _changes(before: Sequence[Settled], anew: Sequence[Decimal]) -> dict[int, Decimal]:
    """By how much the profit of each period alone is another one: profits are cumulative."""
    moved = [pnl - settled.pnl for settled, pnl in zip(before, anew, strict=True)]
    return {place: moved[place] - (moved[place - 1] if place else ZERO) for place in range(len(moved))}


@exact
def _owed_more(charges: Sequence[Charge], fixed: Correction) -> Decimal:
    """What should have been charged, less what was; corrections before this one have charged or credited their part."""
    return -fixed.credit - sum((each.amount for each in charges if isinstance(each, PeriodsCorrected)), ZERO)


def goodwill(deployed: Deployed, connection: Connection, user: str, amount: str, reason: str) -> bool:
    """R24: offer a credit, or agree to the one that somebody else has offered; whether it is given now. The loss stays in
    the profit. NoAmount, OnePersonOnly."""
    deployed.refuse_unknown_user(user)
    refuse_unless(deployed.actor, Action.CORRECT, UserId(user))
    rows, given = DatabaseSettlements(connection), _amount(amount)
    charges, now_ms, currency = rows.charges(UserId(user)), _now_ms(), Schedule().currency
    offer = open_offer(charges)
    if offer is None or offer.offered != given:
        offered = GoodwillOffered(time_ms=now_ms, currency=currency, amount=ZERO, offered=given, by=me(), reason=reason)
        rows.write(UserId(user), offered, after=len(charges))
    else:
        note = Goodwill(amount=given, reason=offer.reason, by=offer.by, confirmed_by=me())
        rows.write(
            UserId(user),
            GoodwillGiven(
                time_ms=now_ms,
                currency=currency,
                amount=-note.amount,
                by=note.confirmed_by,
                offered_by=note.by,
                reason=note.reason,
            ),
            after=len(charges),
        )
    audit(deployed, connection, "commission goodwill", f"{user} {given}", reason)
    return offer is not None and offer.offered == given


def schedule_of(tiers: Sequence[str], *, apart: bool, tier_hours: int, open_winners: bool) -> Schedule:
    """The schedule that was typed: what is not said of it is as in the standard one. NotATier, BadSchedule."""
    return Schedule(
        name=f"agreed {day_of(_now_ms())[:10]}",
        tiers=tuple(_tier(text) for text in tiers),
        tier_window_ms=tier_hours * HOUR_MS,
        charges_open_winners=open_winners,
        netted=not apart,
    )


def agree(
    deployed: Deployed,
    connection: Connection,
    source: PriceSource,
    user: str,
    schedule: Schedule,
    consent: str,
    *,
    now: bool,
) -> int:
    """R17: another schedule, from the next T on, or from now on, when what was earned so far is settled first by the old one;
    since when it holds. Never back in time. NoConsent, and what `settle_now` raises."""
    deployed.refuse_unknown_user(user)
    refuse_unless(deployed.actor, Action.BILLING, UserId(user))
    if not consent.strip():
        raise NoConsent
    time_ms = source.now_ms()
    if now:
        from_ms = settle_now(deployed, connection, source, user, consent, leaving=False).closes_ms
    else:
        from_ms = month_ms(None, time_ms)[1]
    charge = ScheduleAgreed(
        time_ms=time_ms,
        currency=schedule.currency,
        amount=ZERO,
        by=me(),
        reason=consent,
        from_ms=from_ms,
        name=schedule.name,
        tiers=tuple((tier.rate, tier.least, tier.included) for tier in schedule.tiers),
        netted=schedule.netted,
        tier_window_ms=schedule.tier_window_ms,
        charges_open_winners=schedule.charges_open_winners,
    )
    rows = DatabaseSettlements(connection)
    # It follows from the time alone, and what was settled just now is on the bill already.
    rows.write(UserId(user), charge, after=len(rows.charges(UserId(user))))
    audit(deployed, connection, "commission schedule", f"{user}: {schedule.words}", consent)
    return from_ms


def _tier(text: str) -> Tier:
    least, _, rate = text.partition("=")
    try:
        found = Tier(rate=Decimal(rate), least=Decimal(least.removesuffix("+")), included=not least.endswith("+"))
    except InvalidOperation:
        raise NotATier(text=repr(text)[:40]) from None
    if not (found.rate.is_finite() and found.least.is_finite()):
        raise NotATier(text=repr(text)[:40])
    return found


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text).quantize(CENT)
        # R22: whoever owes parts of a cent can never pay it all.
        if amount != Decimal(text) or amount <= 0:
            raise NoAmount(text=repr(text)[:40])
    except InvalidOperation:
        raise NoAmount(text=repr(text)[:40]) from None
    return amount


def _now_ms() -> int:
    return RealClock().now_ms()
