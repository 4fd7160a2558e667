"""A user's commission out of the deployment's books: previewed, settled, shown, paid. Practice money is never charged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.settlements import DatabaseSettlements, SettledPeriod
from tradepool.adapters.exchanges.transport import Transport
from tradepool.core.commission.capital import Flow, FlowKind, Period
from tradepool.core.commission.exact import exact
from tradepool.core.commission.from_ledger import told_by
from tradepool.core.commission.lots import Lot
from tradepool.core.commission.prices import loser_price
from tradepool.core.commission.schedule import Schedule
from tradepool.core.commission.settlement import Gain, OpenLot
from tradepool.core.commission.statement import READY_MS, Facts, Outcome, outcome_of, statement
from tradepool.domain.deployment import Kind
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.event import AccountOpened, MandateChanged
from tradepool.domain.ids import AccountId, MarketId, UserId
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.venue_prices import Close, closes_at
from tradepool.ports.clock import Clock
from tradepool.runtime.clock import RealClock

# The venue's time, and the way there.
Way = tuple[Clock, Transport]

MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
# What selling an open lot would cost, where the venue's own rate is not in the books.
TAKER_RATE = Decimal("0.001")


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
    """Fees of {user} in {assets} have no price in the books yet, and can't be left out of a settlement; pay fees in the traded coins, or wait for the prices' issue."""


class MovedByHand(TradepoolError):
    """Coins of {user} were taken over, given away or moved past us ({what}), at prices that the books do not hold yet: a settlement of them is not possible so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """How a period stands. `charged` is False for play money; `unpriced` are third assets whose fees are not in it,
    `by_hand` what people moved, which is not in it either."""

    facts: Facts
    outcome: Outcome
    charged: bool
    unpriced: Sequence[str]
    by_hand: Sequence[str]


@contextmanager
def books_open(deployed: Deployed) -> Iterator[Connection]:
    """The deployment's database. WrongDatabase."""
    deployed.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = open_store(deployed.database, actor=deployed.actor)
    try:
        # Whose it is, before anything is read or written.
        DatabaseDeployment(connection, deployed.deployment)
        yield connection
    finally:
        dispose(connection)


def accounts_of(deployed: Deployed, user: str) -> list[AccountId]:
    """A user's accounts, those that no active mandate trades (any more) too. NoSuchUser."""
    deployed.refuse_unknown_user(user)
    return [AccountId(name) for name, held in deployed.settings.accounts.items() if held.user == user]


def month_period(month: str | None, joined_ms: int, now_ms: int) -> Period:
    """A calendar month, UTC; the first one begins when the user joined. None: the running one. NotAMonth.

    >>> month_period("2026-10", 0, 0) == Period(opened_ms=1_790_812_800_000, closes_ms=1_793_491_200_000)
    True
    """
    if month is None:
        month = f"{datetime.fromtimestamp(now_ms / 1_000, UTC):%Y-%m}"
    found = MONTH.fullmatch(month)
    if found is None:
        raise NotAMonth(month=repr(month)[:40])
    year, number = int(found[1]), int(found[2])
    first = datetime(year, number, 1, tzinfo=UTC)
    after = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    opened_ms, closes_ms = int(first.timestamp()) * 1_000, int(after.timestamp()) * 1_000
    joined = opened_ms <= joined_ms < closes_ms
    return Period(opened_ms=joined_ms if joined else opened_ms, closes_ms=closes_ms, joined=joined)


def preview(deployed: Deployed, connection: Connection, way: Way, user: str, month: str | None) -> Preview:
    """How a period of a user stands now; open lots are priced by the venue.

    NoSuchUser, NotAMonth, NeverTraded, and what asking the venue raises.
    """
    now_ms, schedule, books = way[0].now_ms(), Schedule(), DatabaseBooks(connection)
    journal = DatabaseJournal(connection)
    given = {each: flows for each in accounts_of(deployed, user) if (flows := _given(journal, each))}
    flows = sorted((flow for each in given.values() for flow in each), key=lambda flow: flow.time_ms)
    period = month_period(month, flows[0].time_ms if flows else now_ms, now_ms)
    if not flows or flows[0].time_ms >= period.closes_ms:
        raise NeverTraded(user=user, until=_day(period.closes_ms))
    gains, unpriced, fees = list[Gain](), set[str](), dict[str, Decimal]()
    held, by_hand = list[tuple[MarketId, Lot]](), list[str]()
    for account in given:
        told = told_by(books.entries(account), schedule.currency, period.closes_ms)
        gains += told.gains
        held += [(MarketId(market), lot) for market, lot in sorted(told.lots.items()) if lot.quantity]
        by_hand += told.by_hand
        unpriced |= {asset for _, asset, _ in told.third_asset_fees}
        for asset, amount in told.fees.items():
            fees[asset] = _sum(fees.get(asset, Decimal(0)), amount)
    wanted = list(dict.fromkeys(market for market, _ in held))
    closes = closes_at(deployed, way, wanted, min(now_ms, period.closes_ms))
    facts = Facts(
        user=user,
        schedule=schedule,
        period=period,
        mark=_mark(DatabaseSettlements(connection).of(UserId(user)), period),
        flows=flows,
        gains=sorted(gains, key=lambda gain: (gain.time_ms, gain.what)),
        open_lots=[_priced(lot, closes.get(market)) for market, lot in held],
        fees=fees,
    )
    # Whoever only watches places no orders, so whatever is in the books of a live deployment is real.
    charged = deployed.deployment.kind is Kind.LIVE
    return Preview(facts=facts, outcome=outcome_of(facts), charged=charged, unpriced=sorted(unpriced), by_hand=by_hand)


def settle(deployed: Deployed, connection: Connection, way: Way, user: str, month: str) -> SettledPeriod:
    """Write a period's statement down; its mark is what the next one is measured from.

    NeverCharged, NotPriced, MovedByHand, NotOverYet, SettledAlready, SettleInOrder, and what `preview` raises.
    """
    now_ms, seen = way[0].now_ms(), preview(deployed, connection, way, user, month)
    facts, rows = seen.facts, DatabaseSettlements(connection)
    if not seen.charged:
        raise NeverCharged(user=user)
    if seen.unpriced:
        raise NotPriced(user=user, assets=", ".join(seen.unpriced))
    if seen.by_hand:
        raise MovedByHand(user=user, what=", ".join(seen.by_hand[:3]))
    if now_ms < facts.period.closes_ms + READY_MS:
        raise NotOverYet(ends=_day(facts.period.closes_ms))
    before = rows.of(UserId(user))
    if any(each.opened_ms == facts.period.opened_ms for each in before):
        raise SettledAlready(month=month, user=user)
    expected = before[-1].closes_ms if before else None
    if (expected is None and not facts.period.joined) or (expected is not None and expected != facts.period.opened_ms):
        raise SettleInOrder(missing="an earlier month", user=user, month=month)
    settled = SettledPeriod(
        user=UserId(user),
        opened_ms=facts.period.opened_ms,
        closes_ms=facts.period.closes_ms,
        settled_ms=now_ms,
        statement=statement(facts),
    )
    rows.add(settled)
    _audit(deployed, connection, "commission settle", f"{user} {month}")
    return settled


def settled_of(deployed: Deployed, connection: Connection, user: str, month: str) -> SettledPeriod:
    """A settled period of a user. NoSuchUser, NotAMonth, NotSettled."""
    deployed.refuse_unknown_user(user)
    for each in DatabaseSettlements(connection).of(UserId(user)):
        if month_period(month, each.opened_ms, 0).closes_ms == each.closes_ms:
            return each
    raise NotSettled(month=month, user=user)


def pay(deployed: Deployed, connection: Connection, user: str, month: str, reason: str) -> bool:
    """A settled period was paid; whether that is news. Paying is a flow, not a loss: no mark moves (R25)."""
    held = settled_of(deployed, connection, user, month)
    news = DatabaseSettlements(connection).pay(UserId(user), held.opened_ms, RealClock().now_ms())
    if news:
        _audit(deployed, connection, "commission pay", f"{user} {month}", reason)
    return news


def _given(journal: DatabaseJournal, account: AccountId) -> list[Flow]:
    """What its user gave an account and took back, as each mandate of its journal said; nothing before it was taken over.

    The first mandate is heard just before that. An account that was never taken over has no flow.
    """
    flows, capital, opened_ms = list[Flow](), Decimal(0), None
    for _, _, event in journal.read(account):
        if isinstance(event, AccountOpened):
            opened_ms = event.time_ms
            flows.append(Flow(time_ms=opened_ms, amount=capital, note=account))
        elif isinstance(event, MandateChanged):
            change, capital = _sum(event.mandate.capital, -capital), event.mandate.capital
            if opened_ms is not None and change:
                kind = FlowKind.GIVEN if change > 0 else FlowKind.TAKEN_BACK
                flows.append(Flow(time_ms=event.time_ms, amount=change, kind=kind, note=account))
    return flows


def _priced(lot: Lot, close: Close | None) -> OpenLot:
    price = loser_price(*close) if close is not None else loser_price(None, 0)
    return OpenLot(lot=lot, price=price, taker_rate=TAKER_RATE)


def _mark(before: Sequence[SettledPeriod], period: Period) -> Decimal:
    earlier = [each for each in before if each.closes_ms <= period.opened_ms]
    return Decimal(json.loads(earlier[-1].statement)["closing_mark"]) if earlier else Decimal(0)


@exact
def _sum(one: Decimal, other: Decimal) -> Decimal:
    return one + other


def _day(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1_000, UTC):%Y-%m-%d %H:%M}"


def _audit(deployed: Deployed, connection: Connection, what: str, scope: str, reason: str = "") -> None:
    rows = DatabaseDeployment(connection, deployed.deployment)
    rows.audit(Deed(time_ms=RealClock().now_ms(), by=me(), what=what, scope=scope, reason=reason))
