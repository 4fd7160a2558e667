"""Orders and what became of them. Each handler answers the same over REST and, by its method's name, over the ws-api."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.codecs.binance import answer
from tradepool.simexchange.codecs.binance.order_request import client_id, generated_id, new_order, response_type
from tradepool.simexchange.codecs.binance.rejection import Rejection
from tradepool.simexchange.codecs.binance.request import ROWS, ROWS_MAX, Parameters
from tradepool.simexchange.errors import CancelRestricted, UnknownOrder
from tradepool.simexchange.history import Span
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import NewOrder, Order, Status
from tradepool.simexchange.venue import Venue

PrivateHandler = Callable[[Account, Parameters], bytes]

CANCEL_ID = "simcancel"
SPAN_MAX_MS = 24 * 3_600_000
RESTRICTIONS = {"ONLY_NEW": Status.NEW, "ONLY_PARTIALLY_FILLED": Status.PARTIALLY_FILLED}


class OrderRoutes:
    """One user's orders and trades."""

    def __init__(self, venue: Venue) -> None:
        """Prepare the table of routes."""
        self._venue = venue
        self.table: Mapping[tuple[str, str], PrivateHandler] = {
            ("POST", "/api/v3/order"): self._place,
            ("POST", "/api/v3/order/test"): self._test,
            ("GET", "/api/v3/order"): self._look_up,
            ("DELETE", "/api/v3/order"): self._cancel,
            ("GET", "/api/v3/openOrders"): self._open_orders,
            ("DELETE", "/api/v3/openOrders"): self._cancel_all,
            ("GET", "/api/v3/allOrders"): self._all_orders,
            ("GET", "/api/v3/myTrades"): self._my_trades,
        }

    def _place(self, account: Account, parameters: Parameters) -> bytes:
        new = self.asked(account, parameters)
        wanted = response_type(parameters, new.kind)
        return orjson.dumps(answer.placed(self._venue.place(account, new), account.history, wanted))

    def _test(self, account: Account, parameters: Parameters) -> bytes:
        self._venue.check(account, self.asked(account, parameters))
        return b"{}"

    def asked(self, account: Account, parameters: Parameters) -> NewOrder:
        """The order a request asks for."""
        market = self._venue.market(parameters.text("symbol"))
        return new_order(parameters, market, generated_id(account))

    def _look_up(self, account: Account, parameters: Parameters) -> bytes:
        symbol, order_id, name = self._named(parameters)
        return orjson.dumps(answer.looked_up(self._venue.find_order(account, symbol, order_id, name)))

    def _cancel(self, account: Account, parameters: Parameters) -> bytes:
        symbol, order_id, name = self._named(parameters)
        request_id = client_id(parameters, "newClientOrderId", CANCEL_ID)
        return orjson.dumps(self.cancel(account, symbol, order_id, name, request_id, restriction(parameters)))

    def cancel(
        self, account: Account, symbol: str, order_id: int | None, name: str, request_id: str, only: Status | None
    ) -> dict[str, object]:
        """Withdraw an order, a whole list with it; -2011 when it is not open."""
        try:
            found = self._venue.find_order(account, symbol, order_id, name)
            if only is not None and found.is_open and found.status is not only:
                raise CancelRestricted(status=found.status.name)
            order = self._venue.cancel(account, symbol, order_id, name, request_id)
        except UnknownOrder as error:
            raise Rejection(-2011, "Unknown order sent.") from error
        return self._gone(account, order, request_id)

    def _gone(self, account: Account, order: Order, request_id: str) -> dict[str, object]:
        if order.list_id:
            return answer.list_cancelled(self._venue.find_list(account, order.list_id), account.history, request_id)
        return answer.cancelled(order, request_id)

    def _cancel_all(self, account: Account, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        gone = []
        for order in [each for each in account.open.values() if each.market is market]:
            if order.id in account.open:
                order = self._venue.cancel(account, market.symbol, order.id, request_id=CANCEL_ID)
                gone.append(self._gone(account, order, CANCEL_ID))
        if not gone:
            raise Rejection(-2011, "Unknown order sent.")
        return orjson.dumps(gone)

    def _named(self, parameters: Parameters) -> tuple[str, int | None, str]:
        symbol = self._venue.market(parameters.text("symbol"), or_gone=True).symbol
        if "orderId" in parameters:
            return symbol, parameters.number("orderId"), ""
        if "origClientOrderId" not in parameters:
            words = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise Rejection(-1102, words)
        return symbol, None, parameters.text("origClientOrderId")

    def _open_orders(self, account: Account, parameters: Parameters) -> bytes:
        orders = list(account.open.values())
        if "symbol" in parameters:
            market = self._venue.market(parameters.text("symbol"), or_gone=True)
            orders = [order for order in orders if order.market is market]
        return orjson.dumps([answer.looked_up(order) for order in orders])

    def _all_orders(self, account: Account, parameters: Parameters) -> bytes:
        market, limit = self._market_and_limit(parameters)
        orders = account.history.orders_of(market, limit, span(parameters, "orderId"))
        return orjson.dumps([answer.looked_up(order) for order in orders])

    def _my_trades(self, account: Account, parameters: Parameters) -> bytes:
        market, limit = self._market_and_limit(parameters)
        history, wanted = account.history, span(parameters, "fromId")
        if "orderId" in parameters:
            if wanted.start_ms is not None or wanted.end_ms is not None:
                raise Rejection(-1128, "Combination of optional parameters invalid.")
            order = history.order(parameters.number("orderId"))
            fills = history.fills(order) if order and order.market is market else []
            trades = [trade for trade in fills if trade.id >= (wanted.from_id or 0)][:limit]
        else:
            trades = history.trades_of(market, limit, wanted)
        return orjson.dumps([answer.trade_fields(trade, history) for trade in trades])

    def _market_and_limit(self, parameters: Parameters) -> tuple[ListedMarket, int]:
        market = self._venue.market(parameters.text("symbol"), or_gone=True)
        return market, parameters.number("limit", ROWS, ROWS_MAX)


def restriction(parameters: Parameters) -> Status | None:
    """How an order must stand to be cancelled; None: open."""
    wanted = parameters.optional("cancelRestrictions")
    if wanted and wanted not in RESTRICTIONS:
        raise Rejection(-1145, "Invalid cancelRestrictions")
    return RESTRICTIONS.get(wanted)


def span(parameters: Parameters, id_name: str) -> Span:
    """Ids and times a list is asked for: from an id, or within at most 24 hours."""
    names = (id_name, "startTime", "endTime")
    from_id, start, end = (parameters.number(name) if name in parameters else None for name in names)
    if id_name == "fromId" and from_id is not None and (start is not None or end is not None):
        raise Rejection(-1128, "Combination of optional parameters invalid.")
    if start is not None and end is not None and end - start > SPAN_MAX_MS:
        raise Rejection(-1127, "More than 24 hours between startTime and endTime.")
    return Span(from_id, start, end)
