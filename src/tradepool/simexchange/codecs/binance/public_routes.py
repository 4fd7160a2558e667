"""Public REST routes: what everybody may ask, without a key."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from tradepool.domain.candle import timeframe_name
from tradepool.simexchange.codecs.binance import answer
from tradepool.simexchange.codecs.binance.gate import rate_limits
from tradepool.simexchange.codecs.binance.info import ExchangeInfo
from tradepool.simexchange.codecs.binance.rejection import MissingParameter, Rejection
from tradepool.simexchange.codecs.binance.request import ROWS, ROWS_MAX, Parameters
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.venue import Venue

PublicHandler = Callable[[Parameters], bytes]


class PublicRoutes:
    """Market data and rules of one venue."""

    def __init__(self, venue: Venue) -> None:
        """Write what never changes once."""
        self._venue = venue
        self._info = ExchangeInfo(venue)
        self._interval = timeframe_name(venue.timeframe_ms)
        self.table: Mapping[tuple[str, str], PublicHandler] = {
            ("GET", "/api/v3/ping"): lambda _: b"{}",
            ("GET", "/api/v3/time"): lambda _: b'{"serverTime":%d}' % venue.now_ms,
            ("GET", "/api/v3/exchangeInfo"): self._exchange_info,
            ("GET", "/api/v3/klines"): self._klines,
            ("GET", "/api/v3/ticker/bookTicker"): self._book_ticker,
        }

    def _exchange_info(self, parameters: Parameters) -> bytes:
        symbols = None
        if "symbol" in parameters or "symbols" in parameters:
            symbols = [market.symbol for market in self._markets(parameters)]
        return self._info.body(symbols, self._venue.clock_ms(), rate_limits(self._venue.limiter))

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
        book = self._venue.best(market)
        price, size = market.price_text.text, market.quantity_text.text
        return {
            "symbol": market.symbol, "bidPrice": price(book.bid_ticks), "bidQty": size(book.bid_steps),
            "askPrice": price(book.ask_ticks), "askQty": size(book.ask_steps),
        }  # fmt: skip

    def _markets(self, parameters: Parameters) -> list[ListedMarket]:
        if "symbol" in parameters:
            return [self._venue.market(parameters.text("symbol"))]
        if "symbols" not in parameters:
            return [market for market in self._venue.markets if market.is_listed]
        try:
            names = orjson.loads(parameters.text("symbols"))
        except orjson.JSONDecodeError as error:
            raise MissingParameter("symbols") from error
        if not isinstance(names, list):
            raise MissingParameter("symbols")
        return [self._venue.market(str(name)) for name in names]
