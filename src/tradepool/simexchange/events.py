"""What the simulated venue tells the world. Who listens is an `Outlet`: it takes the events and says if anybody saw them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from tradepool.simexchange.candles import Kline, Window
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Order, OrderList, Trade
from tradepool.simexchange.tape import Print

# What can be read of a market, beside its candles, which are wanted by the name of their interval.
BOOK, DEPTH, TRADES, TICKER = "book", "depth", "trades", "ticker"
NOTHING: frozenset[str] = frozenset()


class KlineClosed(NamedTuple):
    """Candle `bar` of a market is closed and published."""

    market: ListedMarket
    bar: int
    time_ms: int


class BookTicker(NamedTuple):
    """The book changed: the best bid and ask (ticks, steps; 0 where there is none). `update_id` counts the changes."""

    market: ListedMarket
    bid_ticks: int
    ask_ticks: int
    time_ms: int
    update_id: int
    bid_steps: int = 0
    ask_steps: int = 0


class KlineShown(NamedTuple):
    """A candle of an interval: closed, or as it forms."""

    market: ListedMarket
    interval: str
    kline: Kline
    is_closed: bool
    time_ms: int


class Printed(NamedTuple):
    """A trade is on the public tape."""

    market: ListedMarket
    print: Print
    time_ms: int


class DepthShown(NamedTuple):
    """The book as it stands: (ticks, steps) of each level, best first."""

    market: ListedMarket
    bids: Sequence[tuple[int, int]]
    asks: Sequence[tuple[int, int]]
    update_id: int
    time_ms: int


class TickerShown(NamedTuple):
    """The last 24 hours, the last print (if there was one) and the best prices as they stand."""

    market: ListedMarket
    day: Window
    last: Print | None
    best: BookTicker
    time_ms: int


class ExecutionReport(NamedTuple):
    """An order changed. `trade` is set when the change was a fill; else `order.status` names the change.

    `request_id` is the client's name for the request that cancelled it, empty for every other change.
    """

    key: str
    order: Order
    trade: Trade | None
    time_ms: int
    request_id: str = ""


class AccountPosition(NamedTuple):
    """Balances of the two assets an order touched, in units of each asset.

    `fee` is what is free and locked of a third one (the base of its market) that a fee was paid with.
    """

    key: str
    market: ListedMarket
    base_free: int
    base_locked: int
    quote_free: int
    quote_locked: int
    time_ms: int
    fee: tuple[ListedMarket, int, int] | None = None


class BalanceMoved(NamedTuple):
    """What is free of one asset changed by `delta` units for a reason that is no order, at `time_ms`."""

    key: str
    asset: str
    unit: Decimal
    delta: int
    free: int
    locked: int
    time_ms: int


class ListStatus(NamedTuple):
    """A list of orders was taken, or is done; `orders` as they stand."""

    key: str
    order_list: OrderList
    orders: tuple[Order, ...]
    time_ms: int


PublicEvent = KlineClosed | KlineShown | BookTicker | DepthShown | Printed | TickerShown
Event = PublicEvent | ExecutionReport | AccountPosition | ListStatus | BalanceMoved


class Outlet(Protocol):
    """Where events go. The venue asks `wants_*` first, so that nothing is built that nobody reads."""

    def wants(self, symbol: str) -> frozenset[str]:
        """What anybody reads of a market: BOOK, DEPTH, TRADES, TICKER, and names of candle intervals."""
        ...

    def wants_account(self, key: str) -> bool:
        """Whether the account's user stream is open."""
        ...

    def publish(self, event: Event) -> None:
        """Take one event; each counts as something visible."""
        ...

    def flush(self) -> None:
        """A step or a request is over: everything published must be on its way before the answer is."""
        ...
