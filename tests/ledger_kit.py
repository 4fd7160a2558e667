"""Real books without a wire: an account's actor over the real journal, and a venue that fills what it is asked to."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import cast

from tests.nouns import ACCOUNT, BTC, MANDATE, MINUTE_MS, signal
from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.core.ledger.posting import fill_entry
from tradepool.domain.balance import Balance
from tradepool.domain.event import (
    AccountOpened,
    CandlesClosed,
    MandateChanged,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    TermsSeen,
)
from tradepool.domain.fill import Fill, Liquidity
from tradepool.domain.ids import AccountId, ClientOrderId, FillId, VenueOrderId
from tradepool.domain.market import Market
from tradepool.domain.order import OrderRequest, OrderType, Side
from tradepool.domain.trade import Origin
from tradepool.ports.exchange import AccountGateway
from tradepool.ports.journal import Journal, Record
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.sender import Sender


class Life:
    """One account that trades a market: a start as any other, then `round_trip` by `round_trip`."""

    def __init__(
        self,
        journal: Journal,
        name: str = "u1",
        number: int = 1,
        market: Market = BTC,
        mark: str = "sim",
        *,
        opens: bool = True,
        also: str = "",
    ) -> None:
        """The account opens with 10,000 USDT, and as many of another coin."""
        self.name, self.market, self.now_ms = AccountId(name), market, MINUTE_MS
        noun = replace(ACCOUNT, id=self.name, number=number)
        mandate = replace(MANDATE, account=self.name, markets=(market.id,), capital=Decimal(10_000))
        account = Account(noun, mandate, [market], Origin.PRACTICE, mark)
        sender = Sender(cast("AccountGateway", object()), VirtualClock(0), MINUTE_MS, lambda event: None)
        self.actor = AccountActor(account, sender._gateway, journal, sender)
        self.fills = 0
        held = tuple(
            Balance(account=self.name, asset=asset, free=Decimal(10_000), locked=Decimal(0))
            for asset in ("USDT", also)
            if asset
        )
        for event in (
            TermsSeen(time_ms=self.now_ms, markets=(market,)),
            MandateChanged(time_ms=self.now_ms, mandate=mandate),
            AccountOpened(time_ms=self.now_ms, balances=held),
        )[: None if opens else -1]:
            self.actor.handle(event)

    def round_trip(self, close: float = 100.0) -> None:
        """Enter at a close, then leave at the next one."""
        self._candle(close, 1.0, 0.0)
        self._candle(close, 0.0, 1.0)

    def _candle(self, close: float, exposure: float, before: float) -> None:
        self.decides(close, exposure, before)
        while self.answered(close):
            self.now_ms += 1

    def decides(self, close: float, exposure: float, before: float) -> None:
        """The next candle closes; what follows from it is not answered."""
        self.now_ms += MINUTE_MS
        told = signal(
            self.market,
            time_ms=self.now_ms,
            close=close,
            high=close,
            stop_distance=close / 20,
            exposure=exposure,
            previous_exposure=before,
        )
        self.actor.handle(CandlesClosed(time_ms=self.now_ms, signals=(told,)))

    def answered(self, close: float) -> bool:
        """Answer one thing that the account waits for; whether there was one."""
        account = self.actor.account
        for cancel in account.cancelling():
            self.actor.handle(OrderCancelled(time_ms=self.now_ms, client_order_id=cancel.client_order_id))
            return True
        for request in account.unanswered():
            if request.type is OrderType.MARKET:
                self.actor.handle(OrderFilled(fill=self.fill_of(request, close)))
            else:
                number = VenueOrderId(str(self.fills))
                self.actor.handle(
                    OrderAccepted(time_ms=self.now_ms, client_order_id=request.client_order_id, venue_order_id=number)
                )
            return True
        return False

    def fill_of(self, request: OrderRequest, close: float) -> Fill:
        """All of an order at the close, at a thousandth of fee, cut to the unit."""
        self.fills += 1
        market, price = self.market, Decimal(str(close))
        bought = request.side is Side.BUY
        units = market.base_units(request.quantity) if bought else market.quote_units(price * request.quantity)
        return Fill(
            fill_id=FillId(str(self.fills)),
            account=self.name,
            client_order_id=ClientOrderId(request.client_order_id),
            market=market.id,
            side=request.side,
            price=price,
            quantity=request.quantity,
            fee=units // 1_000 * (market.base_unit if bought else market.quote_unit),
            fee_asset=market.base if bought else market.quote,
            liquidity=Liquidity.TAKER,
            time_ms=self.now_ms,
        )

    def recorded(self, fill: Fill) -> Record:
        """What a fill of ours would be written as next; nothing is applied."""
        event = OrderFilled(fill=fill)
        entries = [fill_entry(fill, self.market)]
        return Record(
            account=self.name, sequence=self.actor.sequence + 1, as_of_ms=self.now_ms, event=event, entries=entries
        )

    def dust(self) -> Decimal:
        """What is left of the base when the position is closed."""
        return self.actor.account.slots[self.market.id].row[step.DUST] * self.market.base_unit
