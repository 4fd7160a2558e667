"""All orders and trades of one account, packed: about 300 bytes an order with its client id and its index.

Order and trade ids are the account's base plus a counter, so the counter is the row, and they do not depend on who
else trades when. (A real venue numbers all trades of a market in one row; here only its tape does.) An open order's
row is kept up to date by whoever changes it; nothing here is ever scanned, ranges are found by bisection.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Kind, Order, Side, Status, Tif, Trade

ACCOUNT_SPAN = 10**9

_ORDER = struct.Struct("<qqqqqqqqqqqHBBBB")
_TRADE = struct.Struct("<qqqqqqHHBB")
_NO_MARKET = 0xFFFF


class Span(NamedTuple):
    """Which ids and times of a history are meant, ends included; None: no bound."""

    from_id: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None


class History:
    """Orders and trades of one account, by id, by client id and by market."""

    def __init__(self, account_index: int, markets: Sequence[ListedMarket]) -> None:
        """Nothing happened yet."""
        self.base = account_index * ACCOUNT_SPAN
        self._markets = markets
        self._orders, self._trades = bytearray(), bytearray()
        self._client_ids: list[str] = []
        self._latest: dict[str, int] = {}
        self._orders_of = [array("q") for _ in markets]
        self._trades_of = [array("q") for _ in markets]

    @property
    def order_count(self) -> int:
        """How many orders were ever accepted."""
        return len(self._client_ids)

    @property
    def trade_count(self) -> int:
        """How many trades there were."""
        return len(self._trades) // _TRADE.size

    def next_order_id(self) -> int:
        """Id of the order that is added next."""
        return self.base + len(self._client_ids) + 1

    def next_trade_id(self) -> int:
        """Id of the trade that is added next."""
        return self.base + self.trade_count + 1

    def add(self, order: Order) -> None:
        """Keep a new order under its id."""
        self._client_ids.append(order.client_id)
        self._latest[order.client_id] = order.id
        self._orders_of[order.market.index].append(order.id)
        self._orders += self._packed(order)

    def update(self, order: Order) -> None:
        """Replace an order by what became of it."""
        at = (order.id - self.base - 1) * _ORDER.size
        self._orders[at : at + _ORDER.size] = self._packed(order)

    def add_trade(self, trade: Trade) -> None:
        """Keep a new trade under its id."""
        self._trades_of[trade.market.index].append(trade.id)
        self._trades += _TRADE.pack(
            trade.order_id, trade.ticks, trade.steps, trade.fee_units, trade.time_ms, trade.previous_id,
            trade.market.index, trade.fee_market.index if trade.fee_market else _NO_MARKET, trade.side, trade.is_maker,
        )  # fmt: skip

    def knows_client_id(self, client_id: str) -> bool:
        """Whether any order ever had this client id."""
        return client_id in self._latest

    def id_of(self, client_id: str) -> int | None:
        """Id of the latest order with this client id."""
        return self._latest.get(client_id)

    def order(self, order_id: int) -> Order | None:
        """An order by id; None when this account has none."""
        row = order_id - self.base - 1
        if not 0 <= row < len(self._client_ids):
            return None
        (
            steps, limit, stop, created, updated, quote, trade, filled, working, in_list, asked, market, side, kind,
            status, tif,
        ) = _ORDER.unpack_from(self._orders, row * _ORDER.size)  # fmt: skip
        return Order(
            order_id, self._client_ids[row], self._markets[market], Side(side), Kind(kind), steps, limit, stop,
            created, Status(status), quote, trade, updated, filled, Tif(tif), working, in_list, asked,
        )  # fmt: skip

    def known(self, order_id: int) -> Order:
        """An order that must be one of this account's."""
        order = self.order(order_id)
        assert order is not None, "an account knows its own orders"
        return order

    def trade(self, trade_id: int) -> Trade:
        """A trade by id; it must be one of this account's."""
        row = (trade_id - self.base - 1) * _TRADE.size
        order_id, ticks, steps, fee, time_ms, previous, market, fee_market, side, maker = _TRADE.unpack_from(
            self._trades, row
        )
        return Trade(
            trade_id, order_id, self._client_ids[order_id - self.base - 1], self._markets[market], Side(side), ticks,
            steps, fee, bool(maker), time_ms, previous, None if fee_market == _NO_MARKET else self._markets[fee_market],
        )  # fmt: skip

    def fills(self, order: Order) -> list[Trade]:
        """An order's trades, oldest first."""
        found, trade_id = [], order.trade_id
        while trade_id:
            found.append(self.trade(trade_id))
            trade_id = found[-1].previous_id
        return found[::-1]

    def orders_of(self, market: ListedMarket, limit: int, span: Span) -> list[Order]:
        """The market's first `limit` orders of a span of ids and times; the last ones when it has no beginning."""
        return [self.known(each) for each in _window(self._orders_of[market.index], limit, span, self._created_ms)]

    def trades_of(self, market: ListedMarket, limit: int, span: Span) -> list[Trade]:
        """The market's first `limit` trades of a span of ids and times; the last ones when it has no beginning."""
        return [self.trade(each) for each in _window(self._trades_of[market.index], limit, span, self._traded_ms)]

    def _created_ms(self, order_id: int) -> int:
        return self.known(order_id).created_ms

    def _traded_ms(self, trade_id: int) -> int:
        return self.trade(trade_id).time_ms

    @staticmethod
    def _packed(order: Order) -> bytes:
        return _ORDER.pack(
            order.steps, order.limit_ticks, order.stop_ticks, order.created_ms, order.updated_ms, order.quote_units,
            order.trade_id, order.filled_steps, order.working_ms, order.list_id, order.asked_units, order.market.index,
            order.side, order.kind, order.status, order.tif,
        )  # fmt: skip


def _window(ids: array[int], limit: int, span: Span, time_of: Callable[[int], int]) -> array[int]:
    begin, end = 0, len(ids)
    if span.from_id is not None:
        begin = bisect_left(ids, span.from_id)
    if span.start_ms is not None:
        begin = max(begin, bisect_left(ids, span.start_ms, key=time_of))
    if span.end_ms is not None:
        end = bisect_right(ids, span.end_ms, key=time_of)
    if span.from_id is None and span.start_ms is None:
        return ids[max(0, end - limit) : end]
    return ids[begin : min(end, begin + limit)]
