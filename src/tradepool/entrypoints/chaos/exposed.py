"""Which positions the venue knows without a stop that covers them, and who could not have placed one."""

from __future__ import annotations

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.faults import Faults
from tradepool.simexchange.history import Span
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Kind, Side
from tradepool.simexchange.venue import Venue

Pair = tuple[str, str]

# A position may be bare for as long before anybody is alarmed: an answer that was lost is believed lost only when the
# request can no longer arrive. What was bought later than this before a bar's end is looked at when the next one ends.
NEW_MS = 10_000
TRADES_MAX = 1_000


class Exposed:
    """After each restart, looks once at every account and market: at the end of the first bar in which an order could
    have been placed there all the time (the venue was not dark, the market traded, the key could trade)."""

    def __init__(self, venue: Venue, faults: Faults) -> None:
        """Nobody has been away yet."""
        self._venue, self._faults = venue, faults
        self._due: set[Pair] = set()
        self._hindered: set[Pair] = set()

    def restarted(self) -> None:
        """The platform is about to come back."""
        self._due = {(key, market.symbol) for key in self._venue.accounts for market in self._venue.markets}
        self._hindered = set()
        self.look()

    def look(self) -> None:
        """Time has gone on: who is hindered now?"""
        if not self._due:
            return
        dark = self._faults.is_dark(self._venue.now_ms)
        for key, symbol in self._due - self._hindered:
            if dark or self._venue.market(symbol).status != "TRADING" or not self._may_trade(key):
                self._hindered.add((key, symbol))

    def at_the_end_of_a_bar(self) -> list[list[str]]:
        """Account's key, market, what is held and what is covered, of those that should be protected by now."""
        bare = {(each[0], each[1]): each for each in self.now()}
        old = {(each[0], each[1]): each for each in self.now(NEW_MS)}
        looked = self._due - self._hindered
        self._due, self._hindered = self._due & (self._hindered | bare.keys() - old.keys()), set()
        self.look()
        return [each for pair, each in old.items() if pair in looked]

    def now(self, new_ms: int = 0) -> list[list[str]]:
        """The same of every account and market as it stands, but for what was bought in the last so many ms."""
        found = []
        for key, account in self._venue.accounts.items():
            for market in self._venue.markets:
                held = _held(account, market) - _bought(account, market, self._venue.now_ms - new_ms)
                covered = _covered(account, market)
                worth = held * (market.price or 0) * market.units_per_tick_step
                if covered < held and worth >= market.market.quote_units(market.market.smallest_sell):
                    found.append([key, market.symbol, str(held), str(covered)])
        return found

    def _may_trade(self, key: str) -> bool:
        """Whether the account's first key is there and may order."""
        found = self._venue.keys.find(key)
        return found is not None and found.permissions.trading


def _held(account: Account, market: ListedMarket) -> int:
    base = market.market.base
    units = account.free.get(base, 0) + account.locked.get(base, 0)
    return units // market.market.units_per_step


def _bought(account: Account, market: ListedMarket, after_ms: int) -> int:
    trades = account.history.trades_of(market, TRADES_MAX, Span(start_ms=after_ms + 1))
    return sum(trade.steps for trade in trades if trade.side is Side.BUY)


def _covered(account: Account, market: ListedMarket) -> int:
    stops = [order for order in account.open.values() if order.market is market and order.side is Side.SELL]
    return sum(order.steps - order.filled_steps for order in stops if order.kind is Kind.STOP_LOSS)
