"""What a market may ask of orders beyond its grid, in decimals. `filters` holds the same in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tradepool.domain.errors import InvalidInput

MarketStatus = Literal["TRADING", "HALT", "BREAK"]

ORDERS_MAX = 200
BAND_MAX = 1_000_000


class BadRules(InvalidInput):
    """A market can't ask that of orders: {why}; give {wanted}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBand:
    """How far from the price a limit may lie, as multiples of it (millionths at most); Binance's PERCENT_PRICE_BY_SIDE."""

    bid_down: Decimal
    bid_up: Decimal
    ask_down: Decimal
    ask_up: Decimal

    def __post_init__(self) -> None:
        """BadRules unless each side has a band with room in it."""
        for down, up in ((self.bid_down, self.bid_up), (self.ask_down, self.ask_up)):
            if not (down.is_finite() and up.is_finite() and 0 <= down < up <= BAND_MAX):
                raise BadRules(why=f"a band from {down} to {up}", wanted=f"two multiples from 0 to {BAND_MAX}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a market asks of orders beyond its grid and its least order; None: nothing.

    Quantities are of base, `notional_max` is of quote; `band` bounds limit prices. Whether the least and the largest
    worth bind market orders too is told by `min_to_market` and `max_to_market`, whether one-cancels-the-other lists are
    taken by `pairs`.
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
    pairs: bool = True

    def __post_init__(self) -> None:
        """BadRules when a most is not above zero, or a count is below it."""
        for name in ("quantity_max", "market_quantity_max", "notional_max", "position_max"):
            most = getattr(self, name)
            if most is not None and not (most.is_finite() and most > 0):
                raise BadRules(why=f"{name} is {most}", wanted="more than 0, or nothing")
        for name, count in (("orders_max", self.orders_max), ("stops_max", self.stops_max)):
            if count is not None and count < 0:
                raise BadRules(why=f"{name} is {count}", wanted="0 or more")


DEFAULT_RULES = Rules()
# What Binance asks on its large USDT markets (2025), for who wants a venue as strict as that.
BINANCE_RULES = Rules(
    notional_max=Decimal(9_000_000),
    band=PriceBand(bid_down=Decimal("0.2"), bid_up=Decimal(5), ask_down=Decimal("0.2"), ask_up=Decimal(5)),
    stops_max=5,
)
