"""A public print: one trade of a market, whoever made it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.ids import MarketId
from tradepool.domain.order import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeTick:
    """One print. `trade_id` grows by one from print to print of a market; `taker` is the side that took liquidity.

    >>> tick = TradeTick(market=MarketId("binance:BTC/USDT"), trade_id=7, time_ms=0, price=Decimal("61837.63"),
    ...                  quantity=Decimal("0.02"), taker=Side.SELL)
    >>> tick.price * tick.quantity
    Decimal('1236.7526')
    """

    market: MarketId
    trade_id: int
    time_ms: int
    price: Decimal
    quantity: Decimal
    taker: Side
