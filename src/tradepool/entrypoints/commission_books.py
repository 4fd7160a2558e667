"""A period's facts out of the books alone: ledger, mandates, promotions, closings, prices on record. The same books, the
same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from sqlalchemy import Connection

from tradepool.adapters.database.books import LAST, DatabaseBooks
from tradepool.adapters.database.prices import DatabasePrices
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.register import DatabaseRegister
from tradepool.core.commission.capital import Period
from tradepool.core.commission.exact import exact
from tradepool.core.commission.from_ledger import TAKER_RATE, Booked, Given, Told, symbol_of, told_of
from tradepool.core.commission.late_facts import as_known
from tradepool.core.commission.netting import opening_marks
from tradepool.core.commission.prices import Priced, unpriced
from tradepool.core.commission.recorded import Minute, Prices, Recorded
from tradepool.core.commission.schedule import DAY_MS, Schedule
from tradepool.core.commission.settlement import OpenLot, counts
from tradepool.core.commission.statement import Facts
from tradepool.core.commission.transfers import Ways
from tradepool.domain.deployment import Kind, Promotion
from tradepool.domain.errors import TradepoolError
from tradepool.domain.event import AccountOpened, MandateChanged
from tradepool.domain.flow import FlowNamed
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.ledger import LedgerEntry
from tradepool.domain.register import Thing
from tradepool.domain.user import Status
from tradepool.entrypoints.books import accounts_of
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.venue_prices import PriceSource


class NotOnRecord(TradepoolError):
    """{count} prices that this needs are not on record, {first} the first; preview or settle the period first, which asks the venue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be counted, as it is known at `counted_ms`; `books` is how far each account's books go in it, `marks` are
    the accounts' own as far as there are any (R13)."""

    user: UserId
    period: Period
    schedule: Schedule
    mark: Decimal
    counted_ms: int
    books: Mapping[AccountId, int]
    marks: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counted:
    """The facts, and the assets of costs that nobody knows a price of."""

    facts: Facts
    unpriced: Sequence[str]


class Books:
    """A deployment's books, as far as commission reads them. With a source, prices that are missing are asked for and written
    down; without one they are an error, NotOnRecord."""

    def __init__(self, deployed: Deployed, connection: Connection, source: PriceSource | None = None) -> None:
        """`connection` is to the deployment's database."""
        self._deployed, self._connection, self._source = deployed, connection, source
        self._ledger, self._prices = DatabaseBooks(connection), DatabasePrices(connection)
        self._promotions = DatabasePromotions(connection)

    def now(self, user: str) -> dict[AccountId, int]:
        """How far each account's books go now; those that were never taken over are not among them, those that are in no
        configuration any more are: their losses count, too (R13)."""
        found = dict[AccountId, int]()
        for account in accounts_of(self._deployed, self._connection, user):
            if self._ledger.events(account, AccountOpened):
                found[account] = self._ledger.last_event(account)
        return found

    def joined_ms(self, books: Mapping[AccountId, int]) -> int | None:
        """When the first mandate of a user began to trade real money; None: never."""
        times = [each.time_ms for account, until in books.items() for each in self._given(account, until)]
        return min(times, default=None)

    def counted(self, asked: Asked) -> Counted:
        """The facts of a period. NotOnRecord, and what asking the venue raises."""
        venue = self._deployed.venue.id
        period, schedule, books = asked.period, asked.schedule, asked.books.items()
        entries = {account: self._entries(account, until) for account, until in books}
        # What became of a transfer may be known only after T.
        ways = Ways.known([entry for booked in entries.values() for entry in booked], asked.counted_ms)
        booked = {account: (entries[account], self._given(account, until)) for account, until in books}
        known = dict[Minute, Recorded]()
        while True:
            prices = Prices(venue, known, asked.counted_ms)
            told = told_of(_until(booked, period.closes_ms), prices, ways, schedule.currency)
            facts, read = _facts(asked, told, prices), [*told.values()]
            if facts.marks.keys() != told.keys() and not schedule.netted:
                then = replace(asked, period=replace(period, closes_ms=period.opened_ms))
                told_then = told_of(_until(booked, period.opened_ms), prices, ways, schedule.currency)
                before = _facts(then, told_then, prices)
                marks = opening_marks([*told], facts.marks, before.gains, before.open_lots)
                facts, read = replace(facts, marks=marks), [*read, *told_then.values()]
            if not prices.missing:
                return Counted(facts, sorted({what for each in read for what in each.unpriced}))
            known |= self._recorded(prices)

    def _entries(self, account: AccountId, until: int) -> list[LedgerEntry]:
        names = self._ledger.events(account, FlowNamed, until)
        return as_known(self._ledger.entries(account, until=until), names)

    def _recorded(self, prices: Prices) -> Mapping[Minute, Recorded]:
        """What prices are missing and on record; the others are written down first."""
        held = self._prices.of({*prices.missing, *prices.bids})
        missing = prices.missing - held.keys()
        if missing and self._source is None:
            raise NotOnRecord(count=len(missing), first=" ".join(map(str, min(missing))))
        asked = dict(self._source.closes(missing)) if missing and self._source is not None else {}
        self._prices.add(asked)
        return held | self._prices.of(asked)

    def _given(self, account: AccountId, until: int = LAST) -> list[Given]:
        """What the account's mandates were given, as each event and each promotion said; nothing before it was taken over,
        nothing while they only watched (R25), and nothing once they were closed (R18)."""
        opened = self._ledger.events(account, AccountOpened, until)
        mandates = [(each.time_ms, each.mandate) for each in self._ledger.events(account, MandateChanged, until)]
        if not opened or not mandates:
            return []
        opened_ms = opened[0].time_ms
        # The first mandate is heard just before the account is taken over.
        times = {max(opened_ms, at) for at, _ in mandates}
        promotions = {mandate.id: self._promotions.of(mandate.id) for _, mandate in mandates}
        times |= {each.time_ms for made in promotions.values() for each in made if each.time_ms > opened_ms}
        # Not in the journal. A period is settled once it is over, so that no closing in it is written later.
        closed = {
            each.name: each.time_ms
            for each in DatabaseRegister(self._connection).newest()
            if each.thing is Thing.MANDATE
            and each.status is Status.CLOSED
            # Another one in its place goes on with what it was given.
            and not any(0 < at - each.time_ms <= DAY_MS for at, mandate in mandates if mandate.id != each.name)
        }
        times |= {at for name, at in closed.items() if name in promotions and at > opened_ms}
        found = list[Given]()
        for at in sorted(times):
            mandate = [each for since, each in mandates if since <= at][-1]
            stands = at < closed.get(mandate.id, at + 1)
            capital = mandate.capital if stands and self._counts(promotions[mandate.id], at) else Decimal(0)
            quote = symbol_of(mandate.markets[0])[1]
            if capital != (found[-1].capital if found else 0) or (found and quote != found[-1].quote):
                found.append(Given(at, capital, quote))
        return found

    def _counts(self, promotions: Sequence[Promotion], at_ms: int) -> bool:
        """Whether a mandate traded real money at a moment; in a practice deployment as if it did, for a look. R17: another
        strategy, which has to climb anew, changes nothing of what is given; only a person takes it back."""
        made = [each for each in promotions if each.time_ms <= at_ms]
        practice = self._deployed.deployment.kind is Kind.PRACTICE
        return practice or (bool(made) and counts(made[-1].after))


def _until(booked: Mapping[AccountId, Booked], ends_ms: int) -> dict[AccountId, Booked]:
    """What was booked and given before a moment."""
    return {
        account: ([e for e in entries if e.time_ms < ends_ms], [g for g in given if g.time_ms < ends_ms])
        for account, (entries, given) in booked.items()
    }


@exact
def _facts(asked: Asked, told: Mapping[AccountId, Told], prices: Prices) -> Facts:
    """One group out of all accounts, or each with its own mark as far as there is one (R13)."""
    period, currency, netted = asked.period, asked.schedule.currency, asked.schedule.netted
    # Open lots are worth what they were in the last minute before T.
    at_ms = min(period.closes_ms, asked.counted_ms) - 1
    lots, fees, stale = list[OpenLot](), dict[str, Decimal](), False
    for account, each in told.items():
        stale = stale or any(at >= period.opened_ms for at in each.stale)
        for asset, amount in each.fees.items():
            fees[asset] = fees.get(asset, Decimal(0)) + amount
        for market, lot in sorted(each.lots.items()):
            (base, quote), rate = symbol_of(market), Priced(price=Decimal(1))
            if lot.quantity:
                price, rate = prices.close(base, quote, at_ms), prices.rate(quote, currency, at_ms)
                if asked.schedule.charges_open_winners and rate.provisional:
                    # R20: a winner's worth is no fresher than its money's.
                    price = replace(price, provisional=True)
                taken = OpenLot(lot=lot, price=price, taker_rate=TAKER_RATE, market=market, rate=rate.price)
                lots.append(taken if netted else replace(taken, account=account))
                if not rate.price and replace(taken, rate=Decimal(1)).unrealised() < 0:
                    # R20: counted as nothing, what it has lost would be charged.
                    each.unpriced.append(unpriced(quote, at_ms))
            stale = stale or rate.provisional
    flows = [
        replace(flow, note=f"{account} {flow.note}".strip()) for account, each in told.items() for flow in each.flows
    ]
    gains = [
        gain if netted else replace(gain, account=account) for account, each in told.items() for gain in each.gains
    ]
    return Facts(
        user=asked.user,
        schedule=asked.schedule,
        period=period,
        mark=asked.mark,
        flows=sorted(flows, key=lambda flow: (flow.time_ms, flow.note, flow.amount)),
        gains=sorted(gains, key=lambda g: (g.time_ms, g.what)),
        open_lots=lots,
        fees=fees,
        movements=sorted(
            (m for each in told.values() for m in each.movements if m.time_ms >= period.opened_ms),
            key=lambda m: (m.time_ms, m.asset, m.amount),
        ),
        books={str(account): until for account, until in asked.books.items()},
        counted_ms=asked.counted_ms,
        prices=prices.used,
        stale=stale,
        marks={} if netted else {account: asked.marks[account] for account in told if account in asked.marks},
    )
