"""`explain`: a past day of a user beside the backtest of the same candles, every difference with its cause.

The backtest begins where the account was taken over, so that sizes and positions are comparable; the day is what is shown
of it. Markets of one mandate share its cash there as they do live, under what the journal has for each time: the mandate
(strategy, markets, capital, limits), and the fees, grids and least amounts that the venue asked. The candles are the venue's
own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.register import DatabaseRegister
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.core.account.account import Account as LiveAccount
from tradepool.core.backtest.differences import (
    BY_HAND,
    Account,
    ByHand,
    Cause,
    Difference,
    Expected,
    Lot,
    Span,
    compare,
)
from tradepool.core.backtest.result import MandateResult
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.by_hand import LotShrunk, OrdersCapped, PositionAdopted, PositionReleased
from tradepool.domain.errors import InvalidInput
from tradepool.domain.event import (
    AccountOpened,
    Event,
    InstanceBegan,
    OrderCancelled,
    OrderFilled,
    StreamLost,
    StreamRestored,
)
from tradepool.domain.flow import FlowSeen
from tradepool.domain.ids import ClientOrderId, MarketId, StrategyId
from tradepool.domain.ledger import LedgerEntry, TransferCode
from tradepool.domain.order import OrderRequest, Purpose
from tradepool.domain.register import Thing
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.emergency import by_own_hands
from tradepool.entrypoints.own_hands import OwnHands
from tradepool.entrypoints.past_run import PastRun
from tradepool.entrypoints.past_terms import FOREVER_MS, Answered, Period, answered, periods_of, step_at, strategies_of
from tradepool.entrypoints.running import STARTED, STOPPED, running_pid
from tradepool.presentation.explain_page import ExplainedMandate, ExplainJson, difference_row
from tradepool.presentation.formats import plain
from tradepool.runtime.config import nearest

DAY_MS = 86_400_000
TAKEN_OVER = "taken over"


class NoUser(InvalidInput):
    """No user is called {name}{hint}."""


class NoDay(InvalidInput):
    """{day} is no day; write it as 2026-10-31 (UTC)."""


class KeyNotNeeded(InvalidInput):
    """Account {account} was asked for its key, and candles need none."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the books say of an account; when it was taken over, when trading began after that, and by what it traded since."""

    account: Account
    opened_ms: int
    began_ms: int
    periods: Sequence[Period]
    strategies: Mapping[StrategyId, Strategy]


@dataclass(frozen=True, slots=True)
class Replayed:
    """The backtests by the time from which they count (several where it can't be told at which bar the step began), and
    the account as its journal has it."""

    results: Mapping[int, MandateResult]
    live: LiveAccount


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
    told = _told(deployed, seat)
    if told is None:
        return _unsaid(seat, "it has not been started yet")
    asked = answered(told.periods, span[1])
    if not asked.periods:
        return _unsaid(seat, asked.before)
    replayed = by_own_hands(deployed, lambda hands: _replayed(hands, deployed, seat, told, asked), key_of=_no_key)
    tried = [_beside(told, asked, replayed, *each, deployed.timeframe_ms) for each in replayed.results.items()]
    if not tried:
        return _unsaid(seat, "no candle has closed since it was taken over")
    every, happened, meant = min(tried, key=lambda each: sum(d.cause is Cause.UNEXPLAINED for d in each[0]))
    found = [each for each in every if _in(span, each.time_ms)]
    slippage = sum((d.cost for d in found if d.cause is Cause.SLIPPAGE and d.cost is not None), Decimal(0))
    return ExplainedMandate(
        mandate=seat.mandate.id,
        markets=_markets(asked.periods, span),
        entries=sum(_in(span, lot.entry_ms) for lot in happened.lots),
        expected=sum(_in(span, lot.entry_ms) for lot in meant.lots),
        slippage=plain(slippage.quantize(Decimal("1e-8"))),
        differences=[difference_row(each) for each in found],
        before=asked.before,
    )


def _unsaid(seat: Seated, why: str) -> ExplainedMandate:
    markets = [str(market).partition(":")[2] for market in seat.mandate.markets]
    return ExplainedMandate(seat.mandate.id, markets, 0, 0, "0", [], why)


def _markets(periods: Sequence[Period], span: Span) -> list[str]:
    """Symbols of the mandate as the day found it, then of what it became in it."""
    before = sum(each.time_ms <= span[0] for each in periods[1:])
    that_day = [each for each in periods[before:] if each.time_ms <= span[1]] or periods[:1]
    return list(dict.fromkeys(market.symbol for each in that_day for market in each.markets))


def _beside(
    told: Told, asked: Answered, replayed: Replayed, since_ms: int, result: MandateResult, timeframe_ms: int
) -> tuple[Sequence[Difference], Account, Expected]:
    """What differs from a backtest that counts from a time, and both sides of it."""
    # What comes after a market's last candle has no beside yet.
    happened = _until({each.market.id: each.end_ms for each in result.markets}, told, replayed.live)
    happened = replace(happened, lots=[lot for lot in happened.lots if lot.entry_ms >= asked.periods[0].since_ms])
    meant = _meant(result, since_ms)
    return compare(happened, meant, timeframe_ms, partial(step_at, asked.periods)), happened, meant


def _no_key(seat: Seated) -> Credentials:
    raise KeyNotNeeded(account=seat.account_id)


def _in(span: Span, time_ms: int) -> bool:
    return span[0] <= time_ms <= span[1]


# ---- what happened


def _told(deployed: Deployed, seat: Seated) -> Told | None:
    """What the books say; None of an account that was never taken over."""
    with books_open(deployed) as connection:
        deeds = DatabaseDeployment(connection, deployed.deployment).deeds()
        own = [deed for deed in deeds if deed.what in (STARTED, STOPPED)]
        journal = [(as_of_ms, event) for _, as_of_ms, event in DatabaseJournal(connection).read(seat.account_id)]
        events = [event for _, event in journal]
        opened = next((event.time_ms for event in events if isinstance(event, AccountOpened)), None)
        if opened is None:
            return None
        books, intents = DatabaseBooks(connection), DatabaseJournal(connection).intents(seat.account_id)
        account = Account(
            lots=[Lot.of(trade) for trade in books.trades(seat.account_id)],
            refusals=books.refusals(seat.account_id),
            outages=_outages(events, own, runs=running_pid(deployed) is not None),
            capped=_capped(events),
            adopted=[(event.market, event.time_ms) for event in events if isinstance(event, PositionAdopted)],
            parts=_parts(events, intents),
            by_hand=[*_sold(events, intents), *_released(events, books.entries(seat.account_id))],
        )
        began = next((deed.time_ms for deed in own if deed.what == STARTED and deed.time_ms >= opened), opened)
        versions = (
            DatabaseRegister(connection).versions(Thing.MANDATE, seat.mandate.id) if _by_command(deployed, seat) else ()
        )
        strategies = strategies_of(deployed, seat, versions, events)
        return Told(account, opened, began, periods_of(journal, deployed.timeframe_ms, strategies), strategies)


def _by_command(deployed: Deployed, seat: Seated) -> bool:
    return any((each.thing, each.name) == (Thing.MANDATE, seat.mandate.id) for each in deployed.entries)


def _outages(events: Sequence[Event], deeds: Sequence[Deed], *, runs: bool) -> list[Span]:
    """When nobody listened: from a stop, or the last sign of life, to the next start; and while a stream was down.

    Whoever listens writes down what becomes of each entry, so that one that is missing lies in such a stretch. Whoever
    takes an account over by hand listens to no candles; and a flow was told by a history, whoever listened when it was.
    """
    heard = (event for event in events if not isinstance(event, FlowSeen))
    signs = [(event.time_ms, TAKEN_OVER if isinstance(event, InstanceBegan) else "") for event in heard]
    found, last_ms, off_ms = list[Span](), 0, 0
    for time_ms, what in sorted([*signs, *((deed.time_ms, deed.what) for deed in deeds)]):
        if what == STARTED:
            found.append((last_ms if off_ms < 0 else off_ms, time_ms))
            off_ms = -1
        elif off_ms < 0 and what in (STOPPED, TAKEN_OVER):
            off_ms = time_ms if what == STOPPED else last_ms
        last_ms = time_ms
    lost_ms = None
    for event in events:
        if isinstance(event, StreamLost):
            lost_ms = event.time_ms
        elif isinstance(event, StreamRestored) and lost_ms is not None:
            found.append((lost_ms, event.time_ms))
            lost_ms = None
    return found if runs else [*found, (last_ms if off_ms < 0 else off_ms, FOREVER_MS)]


def _capped(events: Sequence[Event]) -> list[Span]:
    found, since_ms = list[Span](), None
    for event in events:
        if isinstance(event, OrdersCapped):
            if since_ms is not None:
                found.append((since_ms, event.time_ms))
            since_ms = None if event.order_notional_max is None else event.time_ms
    return found if since_ms is None else [*found, (since_ms, FOREVER_MS)]


def _parts(events: Sequence[Event], intents: Sequence[OrderRequest]) -> list[tuple[MarketId, int]]:
    """Entries that ended with less than was asked for, by market and T."""
    short = {event.client_order_id for event in events if isinstance(event, OrderCancelled) and event.filled_quantity}
    return [(each.market, each.time_ms) for each in intents if each.adds_risk and each.client_order_id in short]


def _sold(events: Sequence[Event], intents: Sequence[OrderRequest]) -> list[ByHand]:
    """What persons sold through us, an order each."""
    wished = {each.client_order_id: each.purpose for each in intents if each.purpose in BY_HAND}
    fills = [e.fill for e in events if isinstance(e, OrderFilled) and e.fill.client_order_id in wished]
    found = dict[ClientOrderId, ByHand]()
    for fill in fills:
        name, quantity, cost = fill.client_order_id, fill.quantity, fill.quantity * fill.price
        if before := found.get(name):
            quantity, cost = quantity + before.quantity, cost + before.quantity * before.price
        found[name] = ByHand(fill.market, fill.time_ms, quantity, cost / quantity, wished[name])
    return list(found.values())


def _released(events: Sequence[Event], entries: Iterable[LedgerEntry]) -> list[ByHand]:
    """What was given to its person, or taken by him at the venue; it left as soon as its stops had made way, by the venue's
    clock, which is not the one it was asked by."""
    asked = [event for event in events if isinstance(event, LotShrunk | PositionReleased)]
    found = list[ByHand]()
    for entry in entries:
        for each in entry.transfers:
            if each.code is TransferCode.RELEASED:
                market = MarketId(entry.reference.partition(":")[2].rpartition(":")[0])
                mine = [event for event in asked if event.market == market]
                wish = min(mine, key=lambda event: abs(event.time_ms - entry.time_ms))
                found.append(ByHand(market, entry.time_ms, each.amount, wish.price, Purpose.RELEASED))
    return found


def _until(end_ms: Mapping[MarketId, int], told: Told, live: LiveAccount) -> Account:
    """What had happened by then on each market, with what was still open; on others nothing is known."""
    held, by_hand = list[Lot](), told.account.by_hand
    for each in live.positions():
        since = [one for one in by_hand if one.market == each.market and one.time_ms >= each.opened_time_ms]
        left = sum((one.quantity for one in since), Decimal(0))
        held.append(Lot.held(each, live.slots[each.market].market.quantity_step, left))
    lots = [lot.until(end_ms.get(lot.market, 0)) for lot in (*told.account.lots, *held)]
    by_hand = [each for each in by_hand if each.time_ms < end_ms.get(each.market, 0)]
    return replace(told.account, lots=[lot for lot in lots if lot is not None], by_hand=by_hand)


# ---- what was to be expected


async def _replayed(hands: OwnHands, deployed: Deployed, seat: Seated, told: Told, asked: Answered) -> Replayed:
    """The backtests of what is asked about, and the account as the journal leaves it."""
    first_ms = asked.periods[0].time_ms
    run = PastRun(asked, told.strategies, deployed.venue.id, deployed.timeframe_ms)
    await run.read(hands)
    if asked.before:
        # What came before can't be run again; what came of it is known.
        results = run.results([first_ms], hands.journaled(seat, first_ms))
    else:
        # It was started after the takeover: a bar may have ended in between.
        results = run.results([told.began_ms, told.opened_ms], None)
    return Replayed(results, hands.journaled(seat))


def _meant(result: MandateResult, since_ms: int) -> Expected:
    """What the backtest did since the account traded; before that, only the strategy warmed up."""
    steps = {each.market.id: each.market.quantity_step for each in result.markets}
    held = [Lot.held(position, steps[position.market]) for position in result.open_positions]
    lots = [lot for lot in (*map(Lot.of, result.trades), *held) if lot.entry_ms >= since_ms]
    return Expected(lots=lots, refusals=result.refusals)
