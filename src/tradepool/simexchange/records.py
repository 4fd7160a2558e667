"""Nouns of the simulated venue: an order and a trade as they stand at one moment, in whole ticks, steps and units.

They are named tuples because hundreds of thousands are made in a replay, and a change of an order is a new record.

    NEW ──> PARTIALLY_FILLED ──> FILLED      its price was reached and somebody was there (a market order: at once)
     └──────────────┴──────────> CANCELED    its owner withdrew it
                    └──────────> EXPIRED     its own rules ended it: nobody was left to trade with an order that may
                                             not wait, the other order of its list went first, a stop was reached and
                                             the account could not pay for it, its market was delisted
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from tradepool.simexchange.listing import ListedMarket


class Side(IntEnum):
    """Which way base moves."""

    BUY = 0
    SELL = 1


class Kind(IntEnum):
    """How an order waits for its price."""

    MARKET = 0
    LIMIT = 1
    STOP_LOSS = 2
    STOP_LOSS_LIMIT = 3
    TAKE_PROFIT = 4
    TAKE_PROFIT_LIMIT = 5
    LIMIT_MAKER = 6

    @property
    def has_limit(self) -> bool:
        """Whether it names the worst price it takes."""
        return self in _LIMITED

    @property
    def has_stop(self) -> bool:
        """Whether it waits for a price before it does anything."""
        return self in _STOPPED


_LIMITED = frozenset((Kind.LIMIT, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT_LIMIT, Kind.LIMIT_MAKER))
_STOPPED = frozenset((Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT))
_FALLING = frozenset(
    ((Side.SELL, Kind.STOP_LOSS), (Side.SELL, Kind.STOP_LOSS_LIMIT), (Side.BUY, Kind.TAKE_PROFIT),
     (Side.BUY, Kind.TAKE_PROFIT_LIMIT))
)  # fmt: skip


def stops_falling(side: Side, kind: Kind) -> bool:
    """Whether a stop of this kind is set off by a price that falls to it; a rising one sets off the others."""
    return (side, kind) in _FALLING


class Tif(IntEnum):
    """How long an order stands: till cancelled, or only for what it gets at once (all of it, or nothing)."""

    GTC = 0
    IOC = 1
    FOK = 2


class Status(IntEnum):
    """How an order stands."""

    NEW = 0
    FILLED = 1
    CANCELED = 2
    EXPIRED = 3
    PARTIALLY_FILLED = 4


class Order(NamedTuple):
    """An order as it stood after its last change.

    `id` is account index * 10^9 + counter. Prices are in ticks, 0 where the kind has none. `quote_units` is what its
    fills moved in the quote asset before fees, `trade_id` names the last of them (0: none). `working_ms` is when it
    reached the book, -1 while it waits for its stop. `list_id` names the list it belongs to (0: none), `asked_units`
    the quote it was to spend where that was asked instead of a quantity. Times are virtual ms UTC.
    """

    id: int
    client_id: str
    market: ListedMarket
    side: Side
    kind: Kind
    steps: int
    limit_ticks: int
    stop_ticks: int
    created_ms: int
    status: Status = Status.NEW
    quote_units: int = 0
    trade_id: int = 0
    updated_ms: int = 0
    filled_steps: int = 0
    tif: Tif = Tif.GTC
    working_ms: int = -1
    list_id: int = 0
    asked_units: int = 0

    @property
    def left_steps(self) -> int:
        """Steps that have not changed hands."""
        return self.steps - self.filled_steps

    @property
    def waits(self) -> bool:
        """Whether it still waits for its stop."""
        return self.stop_ticks != 0 and self.working_ms < 0

    @property
    def is_open(self) -> bool:
        """Whether anything can still become of it."""
        return self.status in (Status.NEW, Status.PARTIALLY_FILLED)


class Trade(NamedTuple):
    """What changed hands once. The fee was taken from what was received, or in the asset `fee_market` trades.

    `previous_id` is the trade of the same order before this one (0: none), so an order's fills are a chain.
    """

    id: int
    order_id: int
    client_id: str
    market: ListedMarket
    side: Side
    ticks: int
    steps: int
    fee_units: int
    is_maker: bool
    time_ms: int
    previous_id: int = 0
    fee_market: ListedMarket | None = None

    @property
    def quote_units(self) -> int:
        """What moved in the quote asset, before fees."""
        return self.ticks * self.steps * self.market.units_per_tick_step

    @property
    def fee_asset(self) -> str:
        """The received asset (base for a buy, quote for a sell), or the third one the account pays fees with."""
        if self.fee_market is not None:
            return self.fee_market.base
        return self.market.base if self.side is Side.BUY else self.market.quote


class NewOrder(NamedTuple):
    """What a user asks for; quantity in steps, prices in ticks (0: none). The codec has already parsed the grid.

    A market order may name `quote_units` to spend or to get instead of a quantity.
    """

    symbol: str
    client_id: str
    side: Side
    kind: Kind
    steps: int
    limit_ticks: int = 0
    stop_ticks: int = 0
    tif: Tif = Tif.GTC
    quote_units: int = 0


class NewList(NamedTuple):
    """One-cancels-the-other: two orders of one side and one quantity, below and above the price."""

    client_id: str
    below: NewOrder
    above: NewOrder


class OrderList(NamedTuple):
    """Two orders of which only one may trade; the coins of both are held once. Its id counts like an order's."""

    id: int
    client_id: str
    market: ListedMarket
    order_ids: tuple[int, int]
    created_ms: int
    updated_ms: int
    is_done: bool = False
