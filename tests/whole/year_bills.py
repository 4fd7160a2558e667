"""What a year of money is charged: each month settled as the command does it, at the prices the venue had, then recounted.

The venue's candles are days, and its price stands still between open, low, high and close: those are its minutes' closes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import Connection

from tests.core.commission.reference import profit
from tests.core.commission.reference_bill import bill
from tests.whole.year_kit import DAY, NEW_YEAR, Year
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.core.commission.recorded import MINUTE_MS, Minute, Recorded
from tradepool.core.commission.settlement import Settled
from tradepool.core.commission.statement import Facts, facts_of, outcome_of
from tradepool.domain.ids import MarketId, UserId
from tradepool.entrypoints.books import accounts_of, books_open
from tradepool.entrypoints.commission import by_the_books, month_ms, settle
from tradepool.entrypoints.commission_deeds import pay
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.venue_prices import PriceSource
from tradepool.simexchange.listing import Listing

# The two readings floor shares of lots at another place.
NEARLY = Fraction(1, 10_000)


@dataclass
class Bills:
    """Every user's bill, beside a year that goes on."""

    deployed: Deployed
    connection: Connection
    year: Year
    months: list[str] = field(default_factory=list)
    # Each user's, by the second reading alone.
    marks: dict[str, Fraction] = field(default_factory=dict)

    @property
    def users(self) -> list[str]:
        """All of them."""
        return [user.id for user in self.deployed.users]

    def settle(self, month: str) -> None:
        """Everybody's month; every second user pays at once. The profit is what a second reading of the ledger says, and what
        is owed for it what a second reading of the rules says."""
        source = PriceSource(lambda: self.year.venue.now_ms, self.closes)
        for number, user in enumerate(self.users):
            said = json.loads(settle(self.deployed, self.connection, source, user, month, "its end").statement)
            earned = self.reference(user, month_ms(month, 0)[1], said["counted_ms"])
            assert abs(Fraction(said["pnl"]) - earned) < NEARLY, (user, month)
            flows, period = [(at, Fraction(amount)) for at, amount, *_ in said["flows"]], said["period"]
            begins, ends, joined = period["opened_ms"], period["closes_ms"], period["joined"]
            mark = self.marks.get(user, Fraction(0))
            assert Fraction(said["opening_mark"]) == mark, (user, month)
            owed = bill(flows, Fraction(said["pnl"]), mark, begins, ends, joined=joined)
            self.marks[user] = owed[2]
            figures = said["tier_capital"]["amount"], said["commission"], said["closing_mark"]
            assert tuple(map(Fraction, figures)) == owed, (user, month)
            if number % 2 == 0:
                pay(self.deployed, self.connection, user, month, "transfer")
        self.months.append(month)

    def closes(self, wanted: Collection[Minute]) -> Mapping[Minute, Recorded]:
        """What the venue's markets stood at when these minutes ended."""
        listings = {listing.market.id: listing for listing in self.year.listings}
        return {
            (market, minute): close_at(listings[market], minute) if market in listings else Recorded(None)
            for market, minute in wanted
        }

    def reference(self, user: str, ends_ms: int, known_ms: int) -> Fraction:
        """A user's profit by the second reading of his ledgers, as it is known at a moment."""

        def close(coin: str, quote: str, at: int) -> Fraction:
            if coin == quote:
                return Fraction(1)
            key = MarketId(f"binance:{coin}/{quote}"), at // MINUTE_MS * MINUTE_MS
            return Fraction(self.closes([key])[key].close or 0)

        books = DatabaseBooks(self.connection)
        told = [list(books.entries(account)) for account in accounts_of(self.deployed, self.connection, user)]
        return sum((profit(entries, close, ends_ms, known_ms) for entries in told), Fraction(0))


@contextmanager
def bills_of(deployed: Deployed, year: Year) -> Iterator[Bills]:
    """The bills, over a connection of their own as the command's is."""
    with books_open(deployed) as connection:
        yield Bills(deployed, connection, year)


def close_at(listing: Listing, minute_ms: int) -> Recorded:
    """What a market stood at when a minute ended.

    Within a day the price is at the open, after a quarter of it at the low, then at the high, then at the close.
    """
    day, since_ms = divmod(minute_ms + MINUTE_MS - 1 - NEW_YEAR, DAY)
    bars = listing.bars
    if not 0 <= day < len(bars.open):
        return Recorded(None)
    price = (bars.open, bars.low, bars.high, bars.close)[since_ms * 4 // DAY][day]
    return Recorded(Decimal(repr(float(price))))


def recounted(deployed: Deployed, connection: Connection, user: str) -> list[tuple[Facts, Settled]]:
    """What a user's statements say, each of which the books alone give again to the byte."""
    texts = [each.statement for each in DatabaseSettlements(connection).of(UserId(user))]
    assert all(by_the_books(deployed, connection, text) for text in texts)
    return [(facts, outcome_of(facts).settled) for facts in map(facts_of, texts)]
