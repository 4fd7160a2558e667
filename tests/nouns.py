"""Nouns that tests share."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tradepool.domain.fill import Fill, Liquidity
from tradepool.domain.ids import AccountId, ClientOrderId, FillId, MandateId, StrategyId, UserId, client_order_id
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import FeeSchedule, Market
from tradepool.domain.order import OrderRequest, OrderType, Purpose, Side
from tradepool.domain.signal import Signal
from tradepool.domain.user import Account

FEES = FeeSchedule(maker_rate=Decimal("0.001"), taker_rate=Decimal("0.001"))
BTC = Market(
    venue="binance",
    base="BTC",
    quote="USDT",
    price_tick=Decimal("0.01"),
    quantity_step=Decimal("0.00001"),
    quantity_min=Decimal("0.00001"),
    notional_min=Decimal(5),
    fees=FEES,
)
ETH = replace(BTC, base="ETH", quantity_step=Decimal("0.0001"), quantity_min=Decimal("0.0001"))
ACCOUNT = Account(id=AccountId("a" * 32), user=UserId("u" * 32), venue="binance", number=1)
STRATEGY = StrategyId("s" * 16)
MANDATE = Mandate(
    id=MandateId("m" * 32),
    account=ACCOUNT.id,
    strategy_id=STRATEGY,
    markets=(BTC.id, ETH.id),
    weight=Decimal("0.4"),
    capital=Decimal(10_000),
)
MINUTE_MS = 60_000


def signal(market: Market = BTC, **changes: Any) -> Signal:
    """An entry at a close of 100, with a stop 5 below."""
    plain = Signal(
        strategy_id=STRATEGY,
        market=market.id,
        time_ms=MINUTE_MS,
        exposure=1.0,
        previous_exposure=0.0,
        stop_distance=5.0,
        trail_distance=0.0,
        trail_step=0.0,
        close=100.0,
        high=101.0,
    )
    return replace(plain, **changes)


def fill(**changes: Any) -> Fill:
    """One bitcoin bought at 60,000.01."""
    plain = Fill(
        fill_id=FillId("1"),
        account=ACCOUNT.id,
        client_order_id=client_order_id(1, 1),
        market=BTC.id,
        side=Side.BUY,
        price=Decimal("60000.01"),
        quantity=Decimal(1),
        fee=Decimal("0.001"),
        fee_asset="BTC",
        liquidity=Liquidity.TAKER,
        time_ms=MINUTE_MS,
    )
    return replace(plain, **changes)


def request(**changes: Any) -> OrderRequest:
    """A market buy of one hundredth bitcoin."""
    plain = OrderRequest(
        client_order_id=ClientOrderId(client_order_id(1, 1)),
        account=ACCOUNT.id,
        mandate=MANDATE.id,
        strategy_id=STRATEGY,
        market=BTC.id,
        side=Side.BUY,
        type=OrderType.MARKET,
        quantity=Decimal("0.01"),
        purpose=Purpose.ENTRY,
        time_ms=MINUTE_MS,
    )
    return replace(plain, **changes)
