"""What an account holds for one strategy on one market."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.ids import AccountId, MandateId, MarketId, StrategyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Quantity is signed and counts what was filled, fees taken off; opposite wishes of two strategies are not netted.

    `entry_fee` is in the base asset on spot, else in quote; `unsellable` says that what is held is too small to be sold, or to be protected.
    """

    account: AccountId
    mandate: MandateId
    strategy_id: StrategyId
    market: MarketId
    quantity: Decimal
    average_entry_price: Decimal
    opened_time_ms: int
    entry_fee: Decimal
    stop_price: Decimal | None
    unsellable: bool = False
