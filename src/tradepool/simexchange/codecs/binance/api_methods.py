"""The ws-api's requests: the same handlers as REST, by the names of their methods."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from tradepool.simexchange.codecs.binance.gate import NO_ADDRESS, PLACING, Gate, needed_right
from tradepool.simexchange.codecs.binance.order_routes import PrivateHandler
from tradepool.simexchange.codecs.binance.public_routes import PublicHandler
from tradepool.simexchange.codecs.binance.rejection import rejection
from tradepool.simexchange.codecs.binance.request import Parameters
from tradepool.simexchange.codecs.binance.streams import Ask
from tradepool.simexchange.codecs.binance.user_stream import signed_key
from tradepool.simexchange.errors import Refused
from tradepool.simexchange.venue import Venue

METHODS = {
    "exchangeInfo": ("GET", "/api/v3/exchangeInfo"),
    "depth": ("GET", "/api/v3/depth"),
    "klines": ("GET", "/api/v3/klines"),
    "uiKlines": ("GET", "/api/v3/uiKlines"),
    "avgPrice": ("GET", "/api/v3/avgPrice"),
    "trades.recent": ("GET", "/api/v3/trades"),
    "trades.historical": ("GET", "/api/v3/historicalTrades"),
    "trades.aggregate": ("GET", "/api/v3/aggTrades"),
    "ticker": ("GET", "/api/v3/ticker"),
    "ticker.24hr": ("GET", "/api/v3/ticker/24hr"),
    "ticker.tradingDay": ("GET", "/api/v3/ticker/tradingDay"),
    "ticker.price": ("GET", "/api/v3/ticker/price"),
    "ticker.book": ("GET", "/api/v3/ticker/bookTicker"),
    "order.place": ("POST", "/api/v3/order"),
    "order.test": ("POST", "/api/v3/order/test"),
    "order.status": ("GET", "/api/v3/order"),
    "order.cancel": ("DELETE", "/api/v3/order"),
    "order.cancelReplace": ("POST", "/api/v3/order/cancelReplace"),
    "openOrders.status": ("GET", "/api/v3/openOrders"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
    "orderList.place": ("POST", "/api/v3/order/oco"),
    "orderList.place.oco": ("POST", "/api/v3/orderList/oco"),
    "orderList.status": ("GET", "/api/v3/orderList"),
    "orderList.cancel": ("DELETE", "/api/v3/orderList"),
    "openOrderLists.status": ("GET", "/api/v3/openOrderList"),
    "allOrderLists": ("GET", "/api/v3/allOrderList"),
    "account.status": ("GET", "/api/v3/account"),
    "account.commission": ("GET", "/api/v3/account/commission"),
    "account.rateLimits.orders": ("GET", "/api/v3/rateLimit/order"),
    "allOrders": ("GET", "/api/v3/allOrders"),
    "myTrades": ("GET", "/api/v3/myTrades"),
}


class ApiMethods:
    """Answers requests on the ws-api out of the REST tables."""

    def __init__(
        self,
        venue: Venue,
        private: Mapping[tuple[str, str], PrivateHandler],
        public: Mapping[tuple[str, str], PublicHandler],
    ) -> None:
        """The REST routes that need a signature, and those that do not; a method whose route is in neither is unknown."""
        self._venue, self._gate = venue, Gate(venue)
        self._private, self._public = private, public

    def __contains__(self, method: str) -> bool:
        """Whether the method is one of these."""
        route = METHODS.get(method)
        return route in self._private or route in self._public

    def result(self, ask: Ask, address: str = NO_ADDRESS, session: str = "") -> object:
        """What is sent back as `result`; Rejection when the request is refused. `session` as in `signed_key`."""
        try:
            route = METHODS[ask.method]
            if public := self._public.get(route):
                return orjson.Fragment(public(Parameters.of_json(ask.params)))
            key, parameters = signed_key(self._venue, ask.params, needed_right(*route), address, session)
            if route in PLACING:
                self._gate.check_placing(key.account)
            return orjson.Fragment(self._private[route](key.account, parameters))
        except Refused as refused:
            raise rejection(refused) from refused
