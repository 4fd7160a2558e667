"""`explain`: a past day of a user beside the backtest of the same candles, every difference with its cause.

The backtest begins where the account was taken over, so that sizes and positions are comparable; the day is what is shown
of it. The candles are the venue's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.core.account.account import Account as LiveAccount
from tradepool.core.backtest.differences import Account, Cause, Lot, Span, compare
from tradepool.core.backtest.result import BacktestResult
from tradepool.core.backtest.run import Setting, run
from tradepool.core.graph.market_step import MarketStep
from tradepool.core.risk.symbols import listed_market
from tradepool.domain.by_hand import OrdersCapped, PositionAdopted
from tradepool.domain.errors import InvalidInput
from tradepool.domain.event import AccountOpened, Event, StreamLost, StreamRestored
from tradepool.domain.market import Market
from tradepool.domain.trade import Origin
from tradepool.domain.user import Account as AccountNoun
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.emergency import by_own_hands
from tradepool.entrypoints.own_hands import OwnHands
from tradepool.entrypoints.running import STARTED, STOPPED, running_pid
from tradepool.presentation.explain_page import ExplainedMandate, ExplainJson, difference_row
from tradepool.presentation.formats import plain
from tradepool.runtime.config import nearest
from tradepool.services.reader import bars_of

DAY_MS = 86_400_000
FOREVER_MS = 2**62


class NoUser(InvalidInput):
    """No user is called {name}{hint}."""


class NoDay(InvalidInput):
    """{day} is no day; write it as 2026-10-31 (UTC)."""


class KeyNotNeeded(InvalidInput):
    """Account {account} was asked for its key, and candles need none."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the books of an account hold: events with their times, and what became of its wishes."""

    events: Sequence[Event]
    account: Account
    opened_ms: int


def day_of(text: str) -> Span:
    """The first and the last millisecond of a UTC day. NoDay.

    >>> day_of("1970-01-02")
    (86400000, 172799999)
    """
    try:
        start = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError as error:
        raise NoDay(day=repr(text)[:40]) from error
    start_ms = int(start.timestamp()) * 1_000
    return start_ms, start_ms + DAY_MS - 1


def explain(deployed: Deployed, user: str, day: str) -> ExplainJson:
    """Every mandate of a user on a day. NoUser, NoDay, and what asking the venue raises."""
    names = [each.id for each in deployed.users]
    if user not in names:
        raise NoUser(name=repr(user)[:40], hint=nearest(user, names))
    span = day_of(day)
    seats = [seat for seat in deployed.seats if seat.user.id == user]
    return ExplainJson(user, day, [_mandate(deployed, seat, span) for seat in seats])


def unexplained(deployed: Deployed, seat: Seated, since_ms: int) -> list[str]:
    """What nothing explains of a mandate since a time, in words."""
    told = _mandate(deployed, seat, (since_ms, FOREVER_MS))
    if told.note:
        return [told.note]
    return [f"{row.time} {row.market} {row.what}" for row in told.differences if row.cause == Cause.UNEXPLAINED]


def _mandate(deployed: Deployed, seat: Seated, span: Span) -> ExplainedMandate:
    markets = [str(market).partition(":")[2] for market in seat.mandate.markets]
    note = ""
    told = _told(deployed, seat)
    if len(markets) > 1:
        note = f"it trades {len(markets)} markets with one capital, and only one can be replayed so far"
    elif MarketStep(seat.strategy, deployed.timeframe_ms).source.others:
        note = "its strategy reads other markets, which can't be replayed so far"
    elif told is None:
        note = "it has not been started yet"
    if note or told is None:
        return ExplainedMandate(seat.mandate.id, markets, 0, 0, "0", [], note)
    market, result, live = by_own_hands(deployed, lambda hands: _replayed(hands, deployed, seat, told), key_of=_no_key)
    happened = _with_position(told, live)
    meant = _lots(result, told.opened_ms)
    found = [d for d in compare(happened, meant, deployed.timeframe_ms, market.quantity_step) if _in(span, d.time_ms)]
    slippage = sum((d.cost for d in found if d.cause is Cause.SLIPPAGE and d.cost is not None), Decimal(0))
    return ExplainedMandate(
        mandate=seat.mandate.id,
        markets=markets,
        entries=sum(_in(span, lot.entry_ms) for lot in happened.lots),
        expected=sum(_in(span, lot.entry_ms) for lot in meant),
        slippage=plain(slippage.quantize(Decimal("1e-8"))),
        differences=[difference_row(each) for each in found],
    )


def _no_key(seat: Seated) -> Credentials:
    raise KeyNotNeeded(account=seat.account_id)


def _in(span: Span, time_ms: int) -> bool:
    return span[0] <= time_ms <= span[1]


# ---- what happened


def _told(deployed: Deployed, seat: Seated) -> Told | None:
    """What the books say; None of an account that was never taken over."""
    connection = open_store(deployed.database)
    try:
        deeds = DatabaseDeployment(connection, deployed.deployment).deeds()
        own = [deed for deed in deeds if deed.what in (STARTED, STOPPED)]
        events = [event for _, _, event in DatabaseJournal(connection).read(seat.account_id)]
        opened = next((event.time_ms for event in events if isinstance(event, AccountOpened)), None)
        if opened is None:
            return None
        books = DatabaseBooks(connection)
        account = Account(
            lots=[Lot.of(trade) for trade in books.trades(seat.account_id)],
            refusals=books.refusals(seat.account_id),
            outages=_outages(events, own, runs=running_pid(deployed) is not None),
            capped=_capped(events),
            adopted=[event.time_ms for event in events if isinstance(event, PositionAdopted)],
        )
        return Told(events, account, opened)
    finally:
        dispose(connection)


def _outages(events: Sequence[Event], deeds: Sequence[Deed], *, runs: bool) -> list[Span]:
    """When nobody listened: before each start since the last sign of life, while a stream was down, and since the end.

    Whoever listens writes down what becomes of each entry, so that one that is missing lies in such a stretch.
    """
    signs = [(event.time_ms, "") for event in events] + [(deed.time_ms, deed.what) for deed in deeds]
    found, last_ms, lost_ms = list[Span](), 0, None
    for time_ms, what in sorted(signs):
        if what == STARTED:
            found.append((last_ms, time_ms))
        last_ms = time_ms
    for event in events:
        if isinstance(event, StreamLost):
            lost_ms = event.time_ms
        elif isinstance(event, StreamRestored) and lost_ms is not None:
            found.append((lost_ms, event.time_ms))
            lost_ms = None
    return found if runs else [*found, (last_ms, FOREVER_MS)]


def _capped(events: Sequence[Event]) -> list[Span]:
    found, since_ms = list[Span](), None
    for event in events:
        if isinstance(event, OrdersCapped):
            if since_ms is not None:
                found.append((since_ms, event.time_ms))
            since_ms = None if event.order_notional_max is None else event.time_ms
    return found if since_ms is None else [*found, (since_ms, FOREVER_MS)]


def _with_position(told: Told, live: LiveAccount) -> Account:
    """What happened, with what is still open."""
    held = [Lot.held(position, live.slots[position.market].market.quantity_step) for position in live.positions()]
    a = told.account
    return Account(lots=[*a.lots, *held], refusals=a.refusals, outages=a.outages, capped=a.capped, adopted=a.adopted)


# ---- what was to be expected


async def _replayed(
    hands: OwnHands, deployed: Deployed, seat: Seated, told: Told
) -> tuple[Market, BacktestResult, LiveAccount]:
    """The market, its backtest from the takeover to now, and the account as the journal leaves it."""
    timeframe_ms = deployed.timeframe_ms
    market = listed_market(hands.listed, seat.mandate.markets[0])
    history = MarketStep(seat.strategy, timeframe_ms).history
    candles = await hands.feed.history(market, timeframe_ms, told.opened_ms - (history + 1) * timeframe_ms)
    setting = Setting(seat.mandate.capital, seat.mandate.weight, seat.mandate.limits, 0)
    result = run(seat.strategy, market, bars_of(list(candles), timeframe_ms), setting)
    noun = AccountNoun(id=seat.account_id, user=seat.user.id, venue=deployed.venue.id, number=1)
    live = LiveAccount(noun, seat.mandate, [market], Origin.REAL)
    for event in told.events:
        live.apply(event)
    return market, result, live


def _lots(result: BacktestResult, opened_ms: int) -> list[Lot]:
    """The backtest's round trips since the takeover; before it, only the strategy warmed up."""
    held = [Lot.held(position, result.market.quantity_step) for position in result.open_positions]
    return [lot for lot in (*map(Lot.of, result.trades), *held) if lot.entry_ms >= opened_ms]
