"""Orders and what became of them over REST."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.codecs.binance import answer
from tradepool.simexchange.codecs.binance.rejection import Rejection
from tradepool.simexchange.codecs.binance.request import ROWS, ROWS_MAX, Parameters, new_order
from tradepool.simexchange.errors import UnknownOrder
from tradepool.simexchange.venue import Venue

PrivateHandler = Callable[[Account, Parameters], bytes]

CANCEL_ID = "simcancel"


class OrderRoutes:
    """One user's orders and trades."""

    def __init__(self, venue: Venue) -> None:
        """Prepare the table of routes."""
        self._venue = venue
        self.table: Mapping[tuple[str, str], PrivateHandler] = {
            ("POST", "/api/v3/order"): self._place,
            ("GET", "/api/v3/order"): self._look_up,
            ("DELETE", "/api/v3/order"): self._cancel,
            ("GET", "/api/v3/openOrders"): self._open_orders,
            ("GET", "/api/v3/allOrders"): self._all_orders,
            ("GET", "/api/v3/myTrades"): self._my_trades,
        }

    def _place(self, account: Account, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        new = new_order(parameters, market, f"sim{account.history.next_order_id()}")
        order = self._venue.place(account, new)
        default = "ACK" if new.stop_ticks else "FULL"
        return answer.placed(order, account.history, parameters.optional("newOrderRespType", default))

    def _look_up(self, account: Account, parameters: Parameters) -> bytes:
        symbol, order_id, client_id = self._named(parameters)
        return orjson.dumps(answer.looked_up(self._venue.find_order(account, symbol, order_id, client_id)))

    def _cancel(self, account: Account, parameters: Parameters) -> bytes:
        symbol, order_id, client_id = self._named(parameters)
        try:
            request_id = parameters.optional("newClientOrderId", CANCEL_ID)
            order = self._venue.cancel(account, symbol, order_id, client_id, request_id)
        except UnknownOrder as error:
            raise Rejection(-2011, "Unknown order sent.") from error
        return answer.cancelled(order, request_id)

    def _named(self, parameters: Parameters) -> tuple[str, int | None, str]:
        symbol = self._venue.market(parameters.text("symbol")).symbol
        if "orderId" in parameters:
            return symbol, parameters.number("orderId"), ""
        return symbol, None, parameters.text("origClientOrderId")

    def _open_orders(self, account: Account, parameters: Parameters) -> bytes:
        orders = list(account.open.values())
        if "symbol" in parameters:
            market = self._venue.market(parameters.text("symbol"))
            orders = [order for order in orders if order.market is market]
        return orjson.dumps([answer.looked_up(order) for order in orders])

    def _all_orders(self, account: Account, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        limit, end = parameters.number("limit", ROWS, ROWS_MAX), parameters.number("endTime", 2**62)
        if "orderId" in parameters or "startTime" not in parameters:
            orders = account.history.orders_of(market, parameters.number("orderId", 0), limit)
        else:
            orders = account.history.orders_since(market, parameters.number("startTime"), limit)
        return orjson.dumps([answer.looked_up(order) for order in orders if order.created_ms <= end])

    def _my_trades(self, account: Account, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        limit, end = parameters.number("limit", ROWS, ROWS_MAX), parameters.number("endTime", 2**62)
        history = account.history
        if "orderId" in parameters:
            order = history.order(parameters.number("orderId"))
            trades = history.fills(order) if order and order.market is market else []
        elif "startTime" in parameters and "fromId" not in parameters:
            trades = history.trades_since(market, parameters.number("startTime"), limit)
        else:
            from_id = max(1, parameters.number("fromId")) if "fromId" in parameters else 0
            trades = history.trades_of(market, from_id, limit)
        return orjson.dumps([answer.trade_fields(trade) for trade in trades if trade.time_ms <= end])
