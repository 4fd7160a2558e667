"""One-cancels-the-other lists, and the exchange of one order for another."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.codecs.binance import answer
from tradepool.simexchange.codecs.binance.order_request import client_id, new_list, old_list, response_type
from tradepool.simexchange.codecs.binance.order_routes import (
    CANCEL_ID,
    OrderRoutes,
    PrivateHandler,
    restriction,
    span,
)
from tradepool.simexchange.codecs.binance.rejection import Rejection, rejection
from tradepool.simexchange.codecs.binance.request import ROWS, ROWS_MAX, Parameters
from tradepool.simexchange.errors import Refused, UnknownOrder
from tradepool.simexchange.records import NewList, OrderList
from tradepool.simexchange.venue import Venue


class ListRoutes:
    """One user's lists of orders."""

    def __init__(self, venue: Venue, orders: OrderRoutes) -> None:
        """Prepare the table of routes."""
        self._venue, self._orders = venue, orders
        self.table: Mapping[tuple[str, str], PrivateHandler] = {
            ("POST", "/api/v3/orderList/oco"): self._place,
            ("POST", "/api/v3/order/oco"): self._place_old,
            ("GET", "/api/v3/orderList"): self._look_up,
            ("DELETE", "/api/v3/orderList"): self._cancel,
            ("GET", "/api/v3/allOrderList"): self._all,
            ("GET", "/api/v3/openOrderList"): self._open,
            ("POST", "/api/v3/order/cancelReplace"): self._replace,
        }

    def _place(self, account: Account, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        return self._placed(account, parameters, new_list(parameters, market, account))

    def _place_old(self, account: Account, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        return self._placed(account, parameters, old_list(parameters, market, account))

    def _placed(self, account: Account, parameters: Parameters, new: NewList) -> bytes:
        wanted = response_type(parameters)
        return orjson.dumps(answer.list_placed(self._venue.place_list(account, new), account.history, wanted))

    def _look_up(self, account: Account, parameters: Parameters) -> bytes:
        found = self._named(account, parameters, "origClientOrderId", -2013)
        return orjson.dumps(answer.list_fields(found, account.history))

    def _cancel(self, account: Account, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        found = self._named(account, parameters, "listClientOrderId", -2011)
        request_id = client_id(parameters, "newClientOrderId", CANCEL_ID)
        order_id = next((each for each in found.order_ids if each in account.open), None)
        if order_id is None or found.market is not market:
            raise Rejection(-2011, "Unknown order list sent.")
        return orjson.dumps(self._orders.cancel(account, market.symbol, order_id, "", request_id, None))

    def _named(self, account: Account, parameters: Parameters, name: str, unknown: int) -> OrderList:
        list_id = parameters.number("orderListId") if "orderListId" in parameters else None
        if list_id is None and name not in parameters:
            raise Rejection(-1102, f"Param '{name}' or 'orderListId' must be sent, but both were empty/null!")
        try:
            return self._venue.find_list(account, list_id, parameters.optional(name))
        except UnknownOrder as error:
            words = "Unknown order list sent." if unknown == -2011 else "Order list does not exist."
            raise Rejection(unknown, words) from error

    def _all(self, account: Account, parameters: Parameters) -> bytes:
        """The first lists from an id or a time, else the last ones; the newest first."""
        limit, wanted = parameters.number("limit", ROWS, ROWS_MAX), span(parameters, "fromId")
        found = [
            each
            for each in account.lists
            if each.id >= (wanted.from_id or 0)
            and each.created_ms >= (wanted.start_ms or 0)
            and (wanted.end_ms is None or each.created_ms <= wanted.end_ms)
        ]
        begins = wanted.from_id is not None or wanted.start_ms is not None
        found = found[:limit] if begins else found[max(0, len(found) - limit) :]
        return orjson.dumps([answer.list_fields(each, account.history) for each in reversed(found)])

    def _open(self, account: Account, parameters: Parameters) -> bytes:
        ids = dict.fromkeys(order.list_id for order in account.open.values() if order.list_id)
        return orjson.dumps([answer.list_fields(self._venue.find_list(account, each), account.history) for each in ids])

    def _replace(self, account: Account, parameters: Parameters) -> bytes:
        """Cancel one order and place another; each half may fail."""
        mode = parameters.text("cancelReplaceMode")
        if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
            raise Rejection(-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
        new = self._orders.asked(account, parameters)
        wanted = response_type(parameters, new.kind)
        order_id = parameters.number("cancelOrderId") if "cancelOrderId" in parameters else None
        name = "" if order_id is not None else parameters.text("cancelOrigClientOrderId")
        request_id = client_id(parameters, "cancelNewClientOrderId", CANCEL_ID)
        told: dict[str, object] = {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS"}
        try:
            told["cancelResponse"] = self._orders.cancel(
                account, new.symbol, order_id, name, request_id, restriction(parameters)
            )
        except Refused as refused:
            told |= {"cancelResult": "FAILURE", "cancelResponse": rejection(refused).fields()}
            if mode == "STOP_ON_FAILURE":
                told |= {"newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None}
                raise ReplaceFailed(told) from refused
        try:
            told["newOrderResponse"] = answer.placed(self._venue.place(account, new), account.history, wanted)
        except Refused as refused:
            told |= {"newOrderResult": "FAILURE", "newOrderResponse": rejection(refused).fields()}
            raise ReplaceFailed(told) from refused
        if told["cancelResult"] == "FAILURE":
            raise ReplaceFailed(told)
        return orjson.dumps(told)


class ReplaceFailed(Rejection):
    """{message} (code {code}, HTTP {status})"""

    def __init__(self, told: dict[str, object]) -> None:
        """One half failed, or both; `told` says which and why."""
        if "SUCCESS" in (told["cancelResult"], told["newOrderResult"]):
            super().__init__(-2021, "Order cancel-replace partially failed.", status=409)
        else:
            super().__init__(-2022, "Order cancel-replace failed.")
        self._told = told

    def fields(self) -> dict[str, object]:
        """With the answers of both halves."""
        return super().fields() | {"data": self._told}
