"""The ws-api's signed requests: the same handlers as REST, by the names of their methods."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from tradepool.simexchange.codecs.binance.gate import NO_ADDRESS, PLACING, Gate, needed_right
from tradepool.simexchange.codecs.binance.order_routes import PrivateHandler
from tradepool.simexchange.codecs.binance.rejection import rejection
from tradepool.simexchange.codecs.binance.streams import Ask
from tradepool.simexchange.codecs.binance.user_stream import signed_key
from tradepool.simexchange.errors import Refused
from tradepool.simexchange.venue import Venue

METHODS = {
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
    """Answers signed requests on the ws-api out of the REST table."""

    def __init__(self, venue: Venue, private: Mapping[tuple[str, str], PrivateHandler]) -> None:
        """`private` are the signed REST routes; a method whose route is not there is unknown."""
        self._venue, self._gate = venue, Gate(venue)
        self._handlers = {method: private[route] for method, route in METHODS.items() if route in private}

    def __contains__(self, method: str) -> bool:
        """Whether the method is one of these."""
        return method in self._handlers

    def result(self, ask: Ask, address: str = NO_ADDRESS) -> object:
        """What is sent back as `result`; Rejection when the request is refused."""
        try:
            route = METHODS[ask.method]
            key, parameters = signed_key(self._venue, ask.params, needed_right(*route), address)
            if route in PLACING:
                self._gate.check_placing(key.account)
            return orjson.Fragment(self._handlers[ask.method](key.account, parameters))
        except Refused as refused:
            raise rejection(refused) from refused
