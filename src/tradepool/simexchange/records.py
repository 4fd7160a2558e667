"""Nouns of the simulated venue: an order and a trade as they stand at one moment, in whole ticks, steps and units.

They are named tuples because hundreds of thousands are made in a replay, and a change of an order is a new record.
An order is filled whole or not at all: the depth at the venue's price has no end.

    NEW ──> FILLED      its price was reached (a market order: at once)
     ├────> CANCELED    its owner withdrew it
     └────> EXPIRED     a stop was reached and the account could not pay for it
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


class Status(IntEnum):
    """How an order stands."""

    NEW = 0
    FILLED = 1
    CANCELED = 2
    EXPIRED = 3


class Order(NamedTuple):
    """An order as it stood after its last change.

    `id` is account index * 10^9 + counter. Prices are in ticks, 0 where the kind has none. `quote_units` is what its
    fill moved in the quote asset before fees, `trade_id` names that fill (0: none). Times are virtual ms UTC.
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

    @property
    def filled_steps(self) -> int:
        """Steps that changed hands: all or none."""
        return self.steps if self.status is Status.FILLED else 0


class Trade(NamedTuple):
    """What changed hands once. The fee, in units of the received asset, was taken from what was received."""

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

    @property
    def quote_units(self) -> int:
        """What moved in the quote asset, before fees."""
        return self.ticks * self.steps * self.market.units_per_tick_step

    @property
    def fee_asset(self) -> str:
        """The received asset: base for a buy, quote for a sell."""
        return self.market.base if self.side is Side.BUY else self.market.quote


class NewOrder(NamedTuple):
    """What a user asks for; quantity in steps, prices in ticks (0: none). The codec has already parsed the grid."""

    symbol: str
    client_id: str
    side: Side
    kind: Kind
    steps: int
    limit_ticks: int = 0
    stop_ticks: int = 0
