"""One user's orders through ccxt: the stream's reports by handler, requests answered with an event or a named error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ccxt

from tradepool.adapters.exchanges import outcome, translate
from tradepool.adapters.exchanges.clients import Credentials, new_account_client
from tradepool.adapters.exchanges.transport import Session
from tradepool.domain.balance import Balance
from tradepool.domain.command import Cancel
from tradepool.domain.event import Event, OrderAccepted, OrderCancelled, OrderRejected
from tradepool.domain.fill import Fill
from tradepool.domain.ids import AccountId, ClientOrderId, FillId, MarketId, VenueOrderId
from tradepool.domain.market import FeeSchedule, Market
from tradepool.domain.order import ApprovedOrder, Order, OrderRequest, OrderType
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import OnEvent, OnLost, OutcomeUnknown

FILLS_PAGE = 1_000


class CcxtGateway:
    """One API key on one venue."""

    def __init__(
        self,
        account: AccountId,
        credentials: Credentials,
        master: Any,
        markets: Sequence[Market],
        session: Session,
        clock: Clock,
        on_time: Callable[[int], None],
        keep_alive_ms: int = 30_000,
    ) -> None:
        """`master` is the feed's client with its markets loaded; `markets` are those the account may trade."""
        self.account = account
        self._client = new_account_client(master, credentials, session, clock, keep_alive_ms)
        self._markets = {self._client.market_id(m.symbol): m for m in markets}
        self._symbols: Mapping[MarketId, Market] = {m.id: m for m in markets}
        self._on_time = on_time
        self._names: dict[str, ClientOrderId] = {}
        self._watching: asyncio.Task[None] | None = None

    async def open(self, on_event: OnEvent, on_lost: OnLost) -> None:
        """Return once the venue streams this account's events."""

        def on_report(client: Any, report: Any) -> None:
            self._on_time(int(report["E"]))
            market = self._markets.get(report["s"])
            event = translate.event_from_report(report, self.account, market) if market else None
            if event is not None:
                on_event(event)

        self._client.handle_order_update = on_report
        self._client.handle_balance = lambda client, message: None
        try:
            await self._client.authenticate({"type": "spot"})
        except ccxt.BaseError as error:
            raise self._named(error, "user stream") from error
        self._watching = asyncio.create_task(self._watch(on_lost), name=f"{self.account} user stream")

    async def _watch(self, on_lost: OnLost) -> None:
        """Pend until the connection breaks: the handler takes the reports."""
        try:
            await self._client.watch_orders()
        except ccxt.BaseError as error:
            on_lost(type(error).__name__)

    async def submit(self, order: ApprovedOrder) -> Event:
        """OrderAccepted or OrderRejected; NotPlaced, KeyRefused or OutcomeUnknown when neither can be told."""
        request = order.request
        params: dict[str, object] = {"newClientOrderId": request.client_order_id}
        kind: str = request.type
        if request.type is OrderType.STOP_LOSS:
            # As text: ccxt overlooks a Decimal in its parameters and would send a plain market order.
            kind, params["stopLossPrice"] = "market", format(request.stop_price or 0, "f")
        symbol = self._symbols[request.market].symbol
        try:
            answer = await self._client.create_order(
                symbol, kind, request.side, request.quantity, request.price, params
            )
        except ccxt.BaseError as error:
            reason = outcome.rejection(error)
            if reason is None:
                raise self._named(error, f"order {request.client_order_id}") from error
            now = self._client.milliseconds()
            return OrderRejected(time_ms=now, client_order_id=request.client_order_id, reason=reason)
        if not answer["id"]:
            name = f"order {request.client_order_id}"
            raise OutcomeUnknown(venue=self._client.id, request=name, message="the answer makes no sense")
        return OrderAccepted(
            time_ms=int(answer["info"]["transactTime"]),
            client_order_id=request.client_order_id,
            venue_order_id=VenueOrderId(str(answer["id"])),
        )

    async def cancel(self, command: Cancel) -> Event | None:
        """OrderCancelled, or None when the venue has no such open order."""
        symbol = self._symbols[command.market].symbol
        try:
            answer = await self._client.cancel_order(None, symbol, {"clientOrderId": command.client_order_id})
        except ccxt.OrderNotFound:
            return None
        except ccxt.BaseError as error:
            raise self._named(error, f"cancel of {command.client_order_id}") from error
        info = answer["info"]
        time_ms = int(info.get("transactTime") or self._client.milliseconds())
        return OrderCancelled(time_ms=time_ms, client_order_id=command.client_order_id)

    async def look_up(self, request: OrderRequest) -> Order | None:
        """The order as the venue has it, by client order id; None when it has none."""
        market = self._symbols[request.market]
        try:
            answer = await self._client.fetch_order(None, market.symbol, {"clientOrderId": request.client_order_id})
        except ccxt.OrderNotFound:
            return None
        except ccxt.BaseError as error:
            raise self._named(error, f"look-up of {request.client_order_id}") from error
        return translate.order_from(answer["info"], market)

    async def fills(self, market: Market, after: FillId | None) -> Sequence[Fill]:
        """This account's fills on a market after one already known, in the venue's order."""
        since, found = int(after) + 1 if after is not None else 0, list[Fill]()
        symbol = self._client.market_id(market.symbol)
        while True:
            try:
                page = await self._client.privateGetMyTrades({"symbol": symbol, "fromId": since, "limit": FILLS_PAGE})
            except ccxt.BaseError as error:
                raise self._named(error, "fills") from error
            for trade in page:
                name = await self._client_order_id(market, str(trade["orderId"]))
                found.append(translate.fill_from(trade, self.account, market, name))
            if len(page) < FILLS_PAGE:
                return found
            since = int(page[-1]["id"]) + 1

    async def _client_order_id(self, market: Market, venue_order_id: str) -> ClientOrderId:
        """A trade names only the venue's order id; the order names ours."""
        if venue_order_id not in self._names:
            try:
                answer = await self._client.fetch_order(venue_order_id, market.symbol)
            except ccxt.BaseError as error:
                raise self._named(error, "order of a fill") from error
            self._names[venue_order_id] = ClientOrderId(answer["info"]["clientOrderId"])
        return self._names[venue_order_id]

    async def open_orders(self) -> Sequence[Order]:
        """Orders in the book now, on the markets the account may trade."""
        try:
            answer = await self._client.privateGetOpenOrders({})
        except ccxt.BaseError as error:
            raise self._named(error, "open orders") from error
        return [translate.order_from(o, self._markets[o["symbol"]]) for o in answer if o["symbol"] in self._markets]

    async def balances(self) -> Sequence[Balance]:
        """What the account holds."""
        return translate.balances_from(await self._account(), self.account)

    async def fees(self) -> FeeSchedule:
        """The rates this account pays."""
        rates = (await self._account())["commissionRates"]
        return FeeSchedule(
            maker_rate=translate.canonical(rates["maker"]), taker_rate=translate.canonical(rates["taker"])
        )

    async def _account(self) -> Any:
        try:
            return await self._client.privateGetAccount({})
        except ccxt.BaseError as error:
            raise self._named(error, "account") from error

    def _named(self, error: ccxt.BaseError, request: str) -> Exception:
        return outcome.named(error, self._client.id, request, self.account)

    async def close(self) -> None:
        """Stop watching and close the client."""
        if self._watching is not None:
            self._watching.cancel()
        await self._client.close()
