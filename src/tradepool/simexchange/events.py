"""What the simulated venue tells the world. Who listens is an `Outlet`: it takes the events and says if anybody saw them."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple, Protocol

from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Order, OrderList, Trade


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


Event = KlineClosed | BookTicker | ExecutionReport | AccountPosition | ListStatus | BalanceMoved


class Outlet(Protocol):
    """Where events go. The venue asks `wants_*` first, so that nothing is built that nobody reads."""

    def wants_klines(self, symbol: str) -> bool:
        """Whether anybody reads the candles of a market."""
        ...

    def wants_book(self, symbol: str) -> bool:
        """Whether anybody reads the best prices of a market."""
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
