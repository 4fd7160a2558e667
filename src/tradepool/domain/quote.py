"""Best prices and public prints."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.ids import MarketId


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Best bid and ask of a market at a time."""

    market: MarketId
    time_ms: int
    bid_price: Decimal
    bid_quantity: Decimal
    ask_price: Decimal
    ask_quantity: Decimal
