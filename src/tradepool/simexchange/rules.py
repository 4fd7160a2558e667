"""What a market may ask of orders beyond its grid, in decimals. `filters` holds the same in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

MarketStatus = Literal["TRADING", "HALT", "BREAK"]

ORDERS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBand:
    """How far from the price a limit may lie, as multiples of it (millionths at most); Binance's PERCENT_PRICE_BY_SIDE."""

    bid_down: Decimal
    bid_up: Decimal
    ask_down: Decimal
    ask_up: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a market asks of orders beyond its grid and its least order; None: nothing.

    Quantities are of base, `notional_max` is of quote; `band` bounds limit prices. Whether the least and the largest
    worth bind market orders too is told by `min_to_market` and `max_to_market`.
    """

    quantity_max: Decimal | None = None
    market_quantity_max: Decimal | None = None
    notional_max: Decimal | None = None
    min_to_market: bool = True
    max_to_market: bool = False
    band: PriceBand | None = None
    orders_max: int = ORDERS_MAX
    stops_max: int | None = None
    position_max: Decimal | None = None


DEFAULT_RULES = Rules()
