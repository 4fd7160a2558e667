"""One flat-to-flat round trip."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradepool.domain.ids import AccountId, MarketId, StrategyId
from tradepool.domain.order import Purpose, Side


class Origin(StrEnum):
    """Where a trade was made."""

    REAL = "real"
    PRACTICE = "practice"
    BACKTEST = "backtest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A closed position: `pnl` is the change of cash over the round trip, in the quote asset, fees in base and quote inside. One
    that was paid in a third asset (BNB) is in no field of it: the ledger has it, and commission counts it.

    `side` is that of the entry: a short sells first. On spot `entry_fee` is taken in the base asset and enters `pnl`
    through what is left to sell, or in quote, and then `exit_fee` has it; elsewhere it is in quote, as `exit_fee` always
    is. A trade that was closed in parts has their average price and the reason of the last one.
    """

    account: AccountId
    strategy_id: StrategyId
    market: MarketId
    side: Side
    entry_time_ms: int
    entry_price: Decimal
    exit_time_ms: int
    exit_price: Decimal
    quantity: Decimal
    entry_fee: Decimal
    exit_fee: Decimal
    pnl: Decimal
    exit_reason: Purpose
    origin: Origin
