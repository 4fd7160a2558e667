"""Binance's REST routes over a venue: one table; each handler reads parameters and writes an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import orjson

from tradepool.domain.candle import timeframe_name
from tradepool.simexchange.accounts import Account
from tradepool.simexchange.codecs.binance import answer
from tradepool.simexchange.codecs.binance.info import ExchangeInfo
from tradepool.simexchange.codecs.binance.rejection import MissingParameter, Rejection, rejection
from tradepool.simexchange.codecs.binance.request import (
    Call,
    Parameters,
    check_signature,
    check_time,
    new_order,
    signed_payload,
)
from tradepool.simexchange.errors import Refused, UnknownOrder
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.venue import Venue

PREFIX = "/api/v3/"
ROWS = 500
CANCEL_ID = "simcancel"
ROWS_MAX = 1000


class Answer(NamedTuple):
    """HTTP status and JSON body."""

    status: int
    body: bytes


class Rest:
    """Answers REST calls for one venue; synchronous, and nothing is read that the client did not send."""

    def __init__(self, venue: Venue) -> None:
        """Prepare the table of routes."""
        self._venue = venue
        self._info = ExchangeInfo(venue.markets)
        self._interval = timeframe_name(venue.timeframe_ms)
        self._public: dict[tuple[str, str], Callable[[Parameters], bytes]] = {
            ("GET", "ping"): lambda _: b"{}",
            ("GET", "time"): lambda _: b'{"serverTime":%d}' % venue.now_ms,
            ("GET", "exchangeInfo"): self._exchange_info,
            ("GET", "klines"): self._klines,
            ("GET", "ticker/bookTicker"): self._book_ticker,
        }
        self._private: dict[tuple[str, str], Callable[[Account, Parameters], bytes]] = {
            ("GET", "account"): self._account,
            ("POST", "order"): self._place,
            ("GET", "order"): self._look_up,
            ("DELETE", "order"): self._cancel,
            ("GET", "openOrders"): self._open_orders,
            ("GET", "allOrders"): self._all_orders,
            ("GET", "myTrades"): self._my_trades,
        }

    def answer(self, call: Call) -> Answer:
        """Answer one call; a refusal is an answer too."""
        route = (call.method, call.path.removeprefix(PREFIX))
        try:
            if private := self._private.get(route):
                account, parameters = self._authenticated(call)
                return Answer(200, private(account, parameters))
            if public := self._public.get(route):
                return Answer(200, public(Parameters.of(call)))
        except Refused as refused:
            said = rejection(refused)
            return Answer(said.status, said.body())
        return Answer(404, b'{"code":-1000,"msg":"The simulated exchange has no such path."}')

    def _authenticated(self, call: Call) -> tuple[Account, Parameters]:
        account = self._venue.accounts.get(call.key)
        if account is None:
            raise Rejection(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        parameters = Parameters.of(call)
        parameters.text("signature")
        check_signature(account, *signed_payload(call))
        check_time(parameters, self._venue.now_ms)
        return account, parameters

    # ---- public

    def _exchange_info(self, parameters: Parameters) -> bytes:
        symbols = None
        if "symbol" in parameters or "symbols" in parameters:
            symbols = [market.symbol for market in self._markets(parameters)]
        return self._info.body(symbols, self._venue.now_ms)

    def _klines(self, parameters: Parameters) -> bytes:
        """Published candles only: the forming one is not shown."""
        market = self._venue.market(parameters.text("symbol"))
        if parameters.text("interval") != self._interval:
            raise Rejection(-1120, "Invalid interval.")
        limit = parameters.number("limit", ROWS, ROWS_MAX)
        times = market.open_time[: market.published]
        first, last = 0, len(times)
        if "endTime" in parameters:
            last = int(times.searchsorted(parameters.number("endTime"), side="right"))
        if "startTime" in parameters:
            first = int(times.searchsorted(parameters.number("startTime")))
            rows = range(first, min(last, first + limit))
        else:
            rows = range(max(0, last - limit), last)
        return orjson.dumps([answer.kline_row(market, index) for index in rows])

    def _book_ticker(self, parameters: Parameters) -> bytes:
        rows = [self._best(market) for market in self._markets(parameters)]
        return orjson.dumps(rows[0] if "symbol" in parameters else rows)

    def _best(self, market: ListedMarket) -> dict[str, str]:
        size = market.quantity_text.text(market.max_steps)
        book = self._venue.book(market, market.price or 0)
        bid, ask = (market.price_text.text(ticks) for ticks in (book.bid_ticks, book.ask_ticks))
        return {"symbol": market.symbol, "bidPrice": bid, "bidQty": size, "askPrice": ask, "askQty": size}

    def _markets(self, parameters: Parameters) -> list[ListedMarket]:
        if "symbol" in parameters:
            return [self._venue.market(parameters.text("symbol"))]
        if "symbols" not in parameters:
            return list(self._venue.markets)
        try:
            names = orjson.loads(parameters.text("symbols"))
        except orjson.JSONDecodeError as error:
            raise MissingParameter("symbols") from error
        if not isinstance(names, list):
            raise MissingParameter("symbols")
        return [self._venue.market(str(name)) for name in names]

    # ---- private

    def _account(self, account: Account, parameters: Parameters) -> bytes:
        return answer.account_body(account, self._venue.markets[0], self._venue.unit, self._venue.now_ms)

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
            trades = [history.trade(order.trade_id)] if order and order.trade_id and order.market is market else []
        elif "startTime" in parameters and "fromId" not in parameters:
            trades = history.trades_since(market, parameters.number("startTime"), limit)
        else:
            from_id = max(1, parameters.number("fromId")) if "fromId" in parameters else 0
            trades = history.trades_of(market, from_id, limit)
        return orjson.dumps([answer.trade_fields(trade) for trade in trades if trade.time_ms <= end])
