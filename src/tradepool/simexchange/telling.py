"""What the venue's parts share: the time, and who is told what happens."""

from __future__ import annotations

from decimal import Decimal

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.events import (
    BOOK,
    DEPTH,
    NOTHING,
    TRADES,
    AccountPosition,
    BalanceMoved,
    BookTicker,
    DepthShown,
    Event,
    ExecutionReport,
    ListStatus,
    Outlet,
    Printed,
)
from tradepool.simexchange.limits import Limiter
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Order, OrderList, Side, Trade

LEVELS_MAX = 5_000


class Teller:
    """The venue's time, its outlets and the count of what was published; nothing is built that nobody reads."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        self.now_ms = 0
        self.published = 0
        self.outlets: list[Outlet] = []
        self.limiter: Limiter | None = None

    def pass_time(self, time_ms: int) -> None:
        """Time goes on to there, never back."""
        self.now_ms = max(self.now_ms, time_ms)

    def publish(self, event: Event) -> None:
        """Tell every outlet."""
        self.published += 1
        for outlet in self.outlets:
            outlet.publish(event)

    def flush(self) -> None:
        """A step or a request is over."""
        for outlet in self.outlets:
            outlet.flush()

    def report(self, account: Account, order: Order, trade: Trade | None = None, request_id: str = "") -> None:
        """An order changed."""
        if self.limiter:
            self.limiter.on_order(account.key, order, trade, self.now_ms)
        if any(outlet.wants_account(account.key) for outlet in self.outlets):
            self.publish(ExecutionReport(account.key, order, trade, self.now_ms, request_id))

    def report_balances(self, account: Account, market: ListedMarket, fee_market: ListedMarket | None = None) -> None:
        """Balances of a market's two assets changed, and of the one a fee was paid with."""
        if any(outlet.wants_account(account.key) for outlet in self.outlets):
            free, locked, base, quote = account.free, account.locked, market.base, market.quote
            fee = (fee_market, free[fee_market.base], locked[fee_market.base]) if fee_market else None
            self.publish(
                AccountPosition(
                    account.key, market, free[base], locked[base], free[quote], locked[quote], self.now_ms, fee
                )
            )

    def report_list(self, account: Account, order_list: OrderList) -> None:
        """A list began or is done."""
        if any(outlet.wants_account(account.key) for outlet in self.outlets):
            orders = tuple(account.history.known(order_id) for order_id in order_list.order_ids)
            self.publish(ListStatus(account.key, order_list, orders, self.now_ms))

    def moved(self, account: Account, asset: str, unit: Decimal, units: int, time_ms: int) -> None:
        """What an account has free of an asset changed for a reason that is no order."""
        if any(outlet.wants_account(account.key) for outlet in self.outlets):
            free, locked = account.free[asset], account.locked[asset]
            self.publish(BalanceMoved(account.key, asset, unit, units, free, locked, time_ms))
            self.flush()

    def book_changed(self, market: ListedMarket) -> None:
        """Something in a market's book is different."""
        market.book_updates += 1
        wanted = self.wanted(market)
        if BOOK in wanted:
            self.publish(self.best(market))
        if DEPTH in wanted:
            self.publish(self.depth(market))

    def printed(self, market: ListedMarket, ticks: int, steps: int, *, is_buyer_maker: bool) -> None:
        """Somebody traded here, now."""
        printed = market.tape.add(self.now_ms, ticks, steps, is_buyer_maker=is_buyer_maker)
        if TRADES in self.wanted(market):
            self.publish(Printed(market, printed, self.now_ms))

    def wanted(self, market: ListedMarket) -> frozenset[str]:
        """What anybody reads of a market."""
        if len(self.outlets) == 1:
            return self.outlets[0].wants(market.symbol)
        return NOTHING.union(*(outlet.wants(market.symbol) for outlet in self.outlets))

    def depth(self, market: ListedMarket) -> DepthShown:
        """A market's book now, at most LEVELS_MAX levels a side."""
        bids, asks = (market.liquidity.levels(side, LEVELS_MAX) for side in (Side.BUY, Side.SELL))
        return DepthShown(market, bids, asks, market.book_updates, self.now_ms)

    def best(self, market: ListedMarket) -> BookTicker:
        """A market's best prices now; 0 where nobody offers."""
        bid, ask = market.liquidity.best(Side.BUY), market.liquidity.best(Side.SELL)
        return BookTicker(market, bid[0], ask[0], self.now_ms, market.book_updates, bid[1], ask[1])
