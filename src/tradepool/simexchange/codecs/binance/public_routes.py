"""Public REST routes: what everybody may ask, without a key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import orjson

from tradepool.simexchange.candles import DAY_MS, HOUR_MS, MINUTE_MS, interval_of, recent, since, window
from tradepool.simexchange.codecs.binance import market_rows
from tradepool.simexchange.codecs.binance.gate import rate_limits
from tradepool.simexchange.codecs.binance.info import ExchangeInfo
from tradepool.simexchange.codecs.binance.market_streams import book_rows
from tradepool.simexchange.codecs.binance.rejection import MissingParameter, Rejection
from tradepool.simexchange.codecs.binance.request import ROWS, ROWS_MAX, Parameters
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.public_data import ticker
from tradepool.simexchange.tape import Print
from tradepool.simexchange.venue import Venue

PublicHandler = Callable[[Parameters], bytes]

LEVELS = 100
LEVELS_MAX = 5_000
AVERAGE_MINUTES = 5
WINDOWS = {"m": (MINUTE_MS, 59), "h": (HOUR_MS, 23), "d": (DAY_MS, 7)}
PERMISSION = "SPOT"
_WINDOW = re.compile(r"([1-9][0-9]?)([mhd])")


class PublicRoutes:
    """Market data and rules of one venue."""

    def __init__(self, venue: Venue) -> None:
        """Write what never changes once."""
        self._venue = venue
        self._info = ExchangeInfo(venue)
        self.table: Mapping[tuple[str, str], PublicHandler] = {
            ("GET", f"/api/v3/{path}"): handler
            for path, handler in {
                "ping": lambda _: b"{}",
                "time": lambda _: b'{"serverTime":%d}' % venue.now_ms,
                "exchangeInfo": self._exchange_info,
                "klines": self._klines,
                "uiKlines": self._klines,
                "depth": self._depth,
                "trades": self._trades,
                "historicalTrades": self._historical_trades,
                "aggTrades": self._aggregates,
                "avgPrice": self._average_price,
                "ticker": self._rolling_ticker,
                "ticker/24hr": self._day_ticker,
                "ticker/tradingDay": self._trading_day,
                "ticker/price": self._price,
                "ticker/bookTicker": self._book_ticker,
            }.items()
        }

    # ---- rules

    def _exchange_info(self, parameters: Parameters) -> bytes:
        symbols = None
        if "symbol" in parameters or "symbols" in parameters:
            if "permissions" in parameters or {"symbol", "symbols"} <= parameters.names:
                raise Rejection(-1128, "Combination of optional parameters invalid.")
            symbols = [market.symbol for market in self._markets(parameters)]
        elif "permissions" in parameters:
            symbols = None if PERMISSION in _names(parameters, "permissions") else []
        return self._info.body(symbols, self._venue.clock_ms(), rate_limits(self._venue.limiter))

    # ---- candles

    def _klines(self, parameters: Parameters) -> bytes:
        """Closed candles; the forming one is the last where the venue shows it."""
        market, now = self._venue.market(parameters.text("symbol")), self._venue.now_ms
        interval = interval_of(market, parameters.text("interval"))
        if interval is None:
            raise Rejection(-1120, "Invalid interval.")
        limit, end = parameters.number("limit", ROWS, ROWS_MAX), parameters.number("endTime", now)
        forming = self._venue.show_forming
        if "startTime" in parameters:
            rows = since(market, interval, now, parameters.number("startTime"), limit, show_forming=forming)
            rows = [row for row in rows if row.start_ms <= end]
        else:
            rows = recent(market, interval, now, min(end, now), limit, show_forming=forming)
        return orjson.dumps([market_rows.kline_row(market, row) for row in rows])

    # ---- book and prints

    def _depth(self, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        limit = parameters.number("limit", LEVELS, LEVELS_MAX)
        if not limit:
            raise Rejection(-1100, "Illegal characters found in parameter 'limit'; legal range is '1 - 5000'.")
        return orjson.dumps(book_rows(self._venue.depth(market), limit))

    def _trades(self, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        prints = market.tape.latest(parameters.number("limit", ROWS, ROWS_MAX))
        return orjson.dumps([market_rows.trade_row(market, each) for each in prints])

    def _historical_trades(self, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        prints = self._prints(market, parameters)
        return orjson.dumps([market_rows.trade_row(market, each) for each in prints])

    def _aggregates(self, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        prints = self._prints(market, parameters)
        return orjson.dumps([market_rows.aggregate_row(market, each) for each in prints])

    def _prints(self, market: ListedMarket, parameters: Parameters) -> list[Print]:
        """From an id, or between two times (both included); else the last ones."""
        limit, tape = parameters.number("limit", ROWS, ROWS_MAX), market.tape
        timed = {"startTime", "endTime"} & parameters.names
        if "fromId" in parameters:
            if timed:
                raise Rejection(-1128, "Combination of optional parameters invalid.")
            return tape.read(parameters.number("fromId"), limit)
        if not timed:
            return tape.latest(limit)
        after = tape.first_id_at(parameters.number("endTime") + 1) if "endTime" in parameters else len(tape) + 1
        if "startTime" not in parameters:
            return tape.read(after - limit, min(limit, after - 1))
        first = tape.first_id_at(parameters.number("startTime"))
        return tape.read(first, max(0, min(limit, after - first)))

    # ---- tickers

    def _average_price(self, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        seen = window(market, self._venue.now_ms - AVERAGE_MINUTES * MINUTE_MS, self._venue.now_ms)
        _, _, average = market_rows.change_fields(market, seen)
        return orjson.dumps({"mins": AVERAGE_MINUTES, "price": average, "closeTime": seen.candle.end_ms})

    def _day_ticker(self, parameters: Parameters) -> bytes:
        mini = _is_mini(parameters)

        def row(market: ListedMarket) -> dict[str, object]:
            shown = ticker(self._venue.best(market))
            return market_rows.mini_ticker_row(market, shown.day) if mini else market_rows.day_ticker_row(shown)

        return self._each(parameters, row)

    def _rolling_ticker(self, parameters: Parameters) -> bytes:
        found = _WINDOW.fullmatch(parameters.optional("windowSize", "1d"))
        if not found or int(found[1]) > WINDOWS[found[2]][1]:
            raise Rejection(-1102, "Mandatory parameter 'windowSize' was not sent, was empty/null, or malformed.")
        length_ms = int(found[1]) * WINDOWS[found[2]][0]
        return self._windows(parameters, self._venue.now_ms - length_ms)

    def _trading_day(self, parameters: Parameters) -> bytes:
        return self._windows(parameters, self._venue.now_ms // DAY_MS * DAY_MS)

    def _windows(self, parameters: Parameters, start_ms: int) -> bytes:
        write = market_rows.mini_ticker_row if _is_mini(parameters) else market_rows.rolling_ticker_row
        if not {"symbol", "symbols"} & parameters.names:
            raise MissingParameter("symbol")
        return self._each(parameters, lambda market: write(market, window(market, start_ms, self._venue.now_ms)))

    def _price(self, parameters: Parameters) -> bytes:
        return self._each(
            parameters, lambda market: {"symbol": market.symbol, "price": market.price_text.text(market.price or 0)}
        )

    def _book_ticker(self, parameters: Parameters) -> bytes:
        def row(market: ListedMarket) -> dict[str, object]:
            book = self._venue.best(market)
            price, size = market.price_text.text, market.quantity_text.text
            return {
                "symbol": market.symbol, "bidPrice": price(book.bid_ticks), "bidQty": size(book.bid_steps),
                "askPrice": price(book.ask_ticks), "askQty": size(book.ask_steps),
            }  # fmt: skip

        return self._each(parameters, row)

    # ---- which markets

    def _each(self, parameters: Parameters, row: Callable[[ListedMarket], dict[str, object]]) -> bytes:
        """One object for `symbol`, a list for `symbols` or for all."""
        rows = [row(market) for market in self._markets(parameters)]
        return orjson.dumps(rows[0] if "symbol" in parameters else rows)

    def _markets(self, parameters: Parameters) -> list[ListedMarket]:
        if "symbol" in parameters:
            return [self._venue.market(parameters.text("symbol"))]
        if "symbols" not in parameters:
            return [market for market in self._venue.markets if market.is_listed]
        return [self._venue.market(name) for name in _names(parameters, "symbols")]


def _is_mini(parameters: Parameters) -> bool:
    kind = parameters.optional("type", "FULL")
    if kind not in ("FULL", "MINI"):
        raise Rejection(-1139, "Invalid ticker type.")
    return kind == "MINI"


def _names(parameters: Parameters, name: str) -> list[str]:
    """A JSON list of names, or one name without brackets, as the real venue takes for permissions."""
    text = parameters.text(name)
    if not text.startswith("["):
        return [text]
    try:
        names = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MissingParameter(name) from error
    if not isinstance(names, list):
        raise MissingParameter(name)
    return [str(each) for each in names]
