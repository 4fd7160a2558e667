"""One user's orders through ccxt: the stream's reports by handler, requests answered with an event or a named error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import ccxt

from tradepool.adapters.exchanges import outcome, translate
from tradepool.adapters.exchanges.ask import Ask
from tradepool.adapters.exchanges.ccxt_flows import flows_since
from tradepool.adapters.exchanges.clients import new_account_client
from tradepool.adapters.exchanges.pacing import Pacer, at, priority_of
from tradepool.adapters.exchanges.stream import Stream
from tradepool.adapters.exchanges.transport import Session
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.domain.balance import Balance
from tradepool.domain.command import Cancel
from tradepool.domain.denial import Denial
from tradepool.domain.event import CancelRefused, Event, OrderRejected
from tradepool.domain.fill import Fill
from tradepool.domain.flow import FlowSeen
from tradepool.domain.ids import AccountId, ClientOrderId, FillId, MarketId, VenueOrderId, cancel_id, pair_id
from tradepool.domain.key import KeyRights
from tradepool.domain.market import FeeSchedule, Market
from tradepool.domain.order import ApprovedOrder, Order, OrderRequest, OrderStatus, OrderType, TimeInForce
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import IsKnown, NotPlaced, OnBalances, OnEvent, OnLost, Still
from tradepool.ports.weights import Priority, WeightBroker

T = TypeVar("T")

FILLS_PAGE = 1_000
PAST_ORDERS = 1_000
POSITION = "outboundAccountPosition"
# ccxt's words; of PO it makes the venue's own kind of order.
TIMES_IN_FORCE = {TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK", TimeInForce.POST_ONLY: "PO"}


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
        broker: WeightBroker | None = None,
    ) -> None:
        """`master` is the feed's client with its markets loaded; `markets` are those the account may trade."""
        self.account = account
        self._forget = partial(session.vault.forget, account)
        self._client = new_account_client(master, account, credentials, session, clock, keep_alive_ms)
        self._pacer = Pacer(self._client, broker, account, session.lines)
        self._markets = {self._client.market_id(m.symbol): m for m in markets}
        self._symbols: Mapping[MarketId, Market] = {m.id: m for m in markets}
        self._on_time = on_time
        self._on_event: OnEvent = lambda event: None
        self._on_balances: OnBalances = lambda balances, time_ms: None
        self._names: dict[str, ClientOrderId] = {}
        self._ask = Ask(self._client, account)
        self._stream = Stream(self._client, "user stream", account)
        self._shared = session.shared_streams
        self._listen()

    # ---- the user stream

    def _listen(self) -> None:
        client, stream = self._client, self._stream
        subscribed = client.handle_user_data_stream_subscribe

        def on_subscribed(connection: Any, answer: Any) -> None:
            subscribed(connection, answer)
            if isinstance(answer.get("result"), dict):
                stream.acknowledge()

        client.handle_user_data_stream_subscribe = on_subscribed
        client.handle_order_update = self._on_report
        client.handle_balance = self._on_position
        # Binance may end the events and leave the connection open; ccxt does not tell those who wait for orders.
        client.handle_event_stream_terminated = lambda connection, frame: stream.fail("the venue ended it")

    def _on_report(self, connection: Any, report: Any) -> None:
        market, events = self._markets.get(report["s"]), list[Event]()
        if market is not None:
            events = translate.events_from_report(report, self.account, market)
        elif report["x"] in ("NEW", "TRADE"):
            # No order of ours is on a market the account may not trade.
            events = [translate.foreign_from_report(report, MarketId(f"{self._client.id}:{report['s']}"))]
        self._on_time(int(report["E"]))
        for event in events:
            self._on_event(event)

    def _on_position(self, connection: Any, frame: Any) -> None:
        """What the account holds of the assets that an order or a deposit has changed."""
        if frame["e"] == POSITION:
            self._on_balances(translate.balances_from_position(frame, self.account), int(frame["E"]))

    async def open(
        self, on_event: OnEvent, on_lost: OnLost, on_balances: OnBalances = lambda balances, time_ms: None
    ) -> None:
        """Return once the venue streams this account's events and balances."""
        self._on_event, self._on_balances = on_event, on_balances
        if self._shared is not None:
            hears = {"executionReport": self._on_report, POSITION: self._on_position}
            await self._shared.open(self._client, self.account, hears, on_lost, self._pacer.connect)
            return
        await self._pacer.connect()
        await self._stream.open(self._client.watch_orders, on_lost)

    # ---- orders

    async def submit(self, order: ApprovedOrder, still: Still = lambda: True) -> Event:
        """OrderAccepted or OrderRejected; NotPlaced, KeyRefused or OutcomeUnknown when neither can be told."""
        request = order.request
        params: dict[str, object] = {"newClientOrderId": request.client_order_id}
        kind: str = request.type
        if request.type is OrderType.STOP_LOSS:
            # As text: ccxt overlooks a Decimal in its parameters and would send a plain market order.
            kind, params["stopLossPrice"] = "market", format(request.stop_price or 0, "f")
        if request.time_in_force is not TimeInForce.GTC:
            params["timeInForce"] = TIMES_IN_FORCE[request.time_in_force]
        symbol = self._symbols[request.market].symbol
        if not self._pacer.waits and not still():
            raise NotPlaced(venue=self._client.id, request=f"order {request.client_order_id}", message="not wanted")

        def rejected(error: ccxt.BaseError) -> tuple[Event] | None:
            reason, now = outcome.rejection(error), self._client.milliseconds()
            name = request.client_order_id
            if reason == Denial.WOULD_TRIGGER and request.time_in_force is TimeInForce.POST_ONLY:
                reason = Denial.WOULD_TAKE
            return (OrderRejected(time_ms=now, client_order_id=name, reason=reason),) if reason else None

        return await self._ask(
            f"order {request.client_order_id}",
            at(
                priority_of(request),
                self._client.create_order(symbol, kind, request.side, request.quantity, request.price, params),
                still,
            ),
            lambda answer: translate.accepted_from(answer, request.client_order_id),
            rejected,
        )

    async def submit_pair(
        self, stop: ApprovedOrder, target: ApprovedOrder, still: Still = lambda: True
    ) -> Sequence[Event]:
        """OrderAccepted of both, or OrderRejected of both; else as `submit`."""
        below, above = stop.request, target.request
        names = (below.client_order_id, above.client_order_id)
        params = {
            "symbol": self._client.market_id(self._symbols[below.market].symbol),
            "side": below.side.upper(),
            "quantity": format(below.quantity, "f"),
            "listClientOrderId": pair_id(names[0]),
            "belowType": "STOP_LOSS",
            "belowStopPrice": format(below.stop_price or 0, "f"),
            "belowClientOrderId": names[0],
            "aboveType": "LIMIT_MAKER",
            "abovePrice": format(above.price or 0, "f"),
            "aboveClientOrderId": names[1],
        }

        def rejected(error: ccxt.BaseError) -> tuple[list[Event]] | None:
            reason, now = outcome.rejection(error), self._client.milliseconds()
            both: list[Event] = [OrderRejected(time_ms=now, client_order_id=n, reason=reason or "") for n in names]
            return (both,) if reason else None

        return await self._ask(
            f"orders {names[0]} and {names[1]}",
            at(priority_of(below), self._client.privatePostOrderListOco(params), still),
            lambda answer: translate.pair_accepted_from(answer, names),
            rejected,
        )

    async def cancel(self, command: Cancel) -> Sequence[Event]:
        """OrderCancelled, of a pair both, or CancelRefused; nothing when the venue has no such open order, or when fills come
        before its end, by the stream."""
        symbol, name = self._symbols[command.market].symbol, command.client_order_id
        params = {"clientOrderId": name, "newClientOrderId": cancel_id(name)}
        asked = at(Priority.EXIT, self._client.cancel_order(None, symbol, params))

        def refused(error: ccxt.BaseError) -> tuple[Sequence[Event]] | None:
            if isinstance(error, ccxt.OrderNotFound):
                return ((),)
            reason, now = outcome.rejection(error), self._client.milliseconds()
            return ([CancelRefused(time_ms=now, client_order_id=name, reason=reason)],) if reason else None

        return await self._ask(
            f"cancel of {name}", asked, lambda answer: translate.cancelled_from(answer, name), refused
        )

    async def look_up(self, request: OrderRequest) -> Order | None:
        """The order as the venue has it, by client order id; None when it has none."""
        market, name = self._symbols[request.market], request.client_order_id
        asked = at(priority_of(request), self._client.fetch_order(None, market.symbol, {"clientOrderId": name}))
        ended = Order(
            client_order_id=name,
            venue_order_id=VenueOrderId(""),
            market=market.id,
            status=OrderStatus.CANCELLED,
            filled_quantity=Decimal(0),
            time_ms=request.time_ms,
            updated_ms=self._client.milliseconds(),
        )

        def not_there(error: ccxt.BaseError) -> tuple[Order | None] | None:
            return (None,) if isinstance(error, ccxt.OrderNotFound) else self._if_gone(market, ended)(error)

        return await self._ask(
            f"look-up of {name}", asked, lambda answer: translate.order_from(answer["info"], market), not_there
        )

    def _if_gone(self, market: Market, answer: T) -> Callable[[ccxt.BaseError], tuple[T] | None]:
        """Of a delisted market, of which the venue may know nothing any more, that is the answer then: nothing rests there,
        and there is nothing new."""
        is_gone = market.symbol in self._client.delisted
        return lambda error: (answer,) if is_gone and isinstance(error, ccxt.BadSymbol) else None

    # ---- what became of them

    async def fills(
        self, market: Market, after: FillId | None, is_known: IsKnown = lambda fill: False
    ) -> Sequence[Fill]:
        """This account's fills on a market after one of them, in the venue's order, without those that are known."""
        since, found = int(after) + 1 if after is not None else 0, list[Fill]()
        symbol = self._client.market_id(market.symbol)
        while True:
            asked = self._client.privateGetMyTrades({"symbol": symbol, "fromId": since, "limit": FILLS_PAGE})
            page = await self._ask(
                "fills",
                asked,
                lambda answer: translate.trades_from(answer, self.account, market),
                self._if_gone(market, []),
            )
            for fill, venue_order_id in page:
                if is_known(fill):
                    continue
                found.append(replace(fill, client_order_id=await self._client_order_id(market, venue_order_id)))
            if len(page) < FILLS_PAGE:
                return found
            since = int(page[-1][0].fill_id) + 1

    async def _client_order_id(self, market: Market, venue_order_id: str) -> ClientOrderId:
        """A trade names only the venue's order id; the order names ours."""
        if venue_order_id not in self._names:
            asked = self._client.fetch_order(venue_order_id, market.symbol)
            order = await self._ask(
                "order of a fill", asked, lambda answer: translate.order_from(answer["info"], market)
            )
            self._names[venue_order_id] = order.client_order_id
        return self._names[venue_order_id]

    async def open_orders(self, market: Market) -> Sequence[Order]:
        """Every order that rests on a market, whoever made it."""
        asked = self._client.privateGetOpenOrders({"symbol": self._client.market_id(market.symbol)})
        return await self._ask(
            "open orders", asked, lambda answer: translate.orders_from(answer, market), self._if_gone(market, [])
        )

    async def past_orders(self, market: Market) -> Sequence[Order]:
        """The newest orders on a market, resting or ended, the oldest first: at most PAST_ORDERS."""
        asked = self._client.privateGetAllOrders(
            {"symbol": self._client.market_id(market.symbol), "limit": PAST_ORDERS}
        )
        return await self._ask(
            "past orders", asked, lambda answer: translate.orders_from(answer, market), self._if_gone(market, [])
        )

    async def rights(self) -> KeyRights:
        """What this account's key may do."""
        asked = self._client.sapiGetAccountApiRestrictions({})
        return await self._ask("rights of the key", asked, translate.rights_from)

    async def balances(self) -> Sequence[Balance]:
        """What the account holds."""
        asked = self._client.privateGetAccount({})
        return await self._ask("balances", asked, lambda answer: translate.balances_from(answer, self.account))

    async def flows(self, since_ms: int) -> Sequence[FlowSeen]:
        """What came and left without an order from then on, as far as the venue's histories tell, the oldest first."""
        return await flows_since(self._client, self._ask, since_ms, self._client.milliseconds())

    async def unlisted(self, assets: Collection[str]) -> Collection[str]:
        """Those of these assets that the venue lists neither in a market nor as a coin."""
        strange = {asset for asset in assets if asset not in self._client.currencies_by_id}
        if not strange:
            return strange
        return strange - await self._ask("coins", self._client.sapiGetCapitalConfigGetall({}), translate.coins_from)

    async def fees(self) -> FeeSchedule:
        """The rates this account pays."""
        return await self._ask("fees", self._client.privateGetAccount({}), translate.fees_from)

    async def standing(self) -> tuple[FeeSchedule, Sequence[Balance]]:
        """Both at once."""
        asked = self._client.privateGetAccount({})
        return await self._ask(
            "account",
            asked,
            lambda answer: (translate.fees_from(answer), translate.balances_from(answer, self.account)),
        )

    def urgently(self, asked: Awaitable[T]) -> Awaitable[T]:
        """Await it at the priority of an exit."""
        return at(Priority.EXIT, asked)

    async def close(self) -> None:
        """Stop watching and close the client."""
        if self._shared is not None:
            await self._shared.close(self.account)
        await self._stream.close()
        await self._client.close()
        self._forget()
