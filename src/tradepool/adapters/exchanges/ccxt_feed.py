"""Public market data through ccxt: one client for all users, closed candles taken from the stream by handler.

ccxt's `watch_*` results drop and coalesce candles in a burst; its handlers see every frame exactly once, so this feed
listens there and keeps one `watch_*` call pending only to hear of a broken connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import ccxt

from tradepool.adapters.exchanges import outcome, translate
from tradepool.adapters.exchanges.ask import Ask, Instead
from tradepool.adapters.exchanges.clients import new_client
from tradepool.adapters.exchanges.pacing import Pacer
from tradepool.adapters.exchanges.stream import Stream
from tradepool.adapters.exchanges.transport import Session
from tradepool.core.risk.suspension import Trouble
from tradepool.domain.candle import Candle, timeframe_name
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.market import Market
from tradepool.domain.ticker import Ticker
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import ClockReading, OnCandle, OnLost
from tradepool.ports.weights import WeightBroker
from tradepool.runtime import telemetry

HISTORY_PAGE = 1_000
NOBODY = AccountId("")

log = telemetry.logger(__name__)


class CcxtFeed:
    """The candles of one venue."""

    def __init__(
        self,
        venue: str,
        session: Session,
        clock: Clock,
        on_time: Callable[[int], None],
        keep_alive_ms: int = 30_000,
        broker: WeightBroker | None = None,
    ) -> None:
        """`on_time` hears the venue's time from every frame; a replay sets its clock by it."""
        self.client: Any = new_client(venue, session, clock, keep_alive_ms)
        self._pacer = Pacer(self.client, broker)
        self._venue = venue
        self._on_time = on_time
        self._markets: dict[str, Market] = {}
        self._ask = Ask(self.client, NOBODY)
        self._stream = Stream(self.client, "candles", NOBODY)
        self._senseless: set[tuple[str, ...]] = set()

    async def markets(self) -> Sequence[Market]:
        """Every spot market the venue lists; one whose rules can't be read is left out, and logged.

        One that stands still now is among them: whoever holds it, or something else beside it, is to be looked after.
        """
        listings = await self._ask("load_markets", self.client.load_markets(), dict.values)
        found = [self._market(m) for m in listings if m["spot"] and m["symbol"] not in self.client.delisted]
        self._markets = {self.client.market_id(m.symbol): m for m in found if m is not None}
        return list(self._markets.values())

    def remember(self, market: Market) -> None:
        """Know a market that `markets` does not tell, as it was seen last: what became of its orders can be asked then."""
        client, name = self.client, f"{market.base}{market.quote}"
        if market.symbol not in client.markets:
            like = next(each for each in client.markets.values() if each["spot"])
            parts = {"symbol": market.symbol, "base": market.base, "quote": market.quote, "active": False}
            names = {"id": name, "lowercaseId": name.lower(), "baseId": market.base, "quoteId": market.quote}
            grid = {**like["precision"], "amount": market.quantity_step, "price": market.price_tick}
            client.markets[market.symbol] = {**like, **parts, **names, "precision": grid}
            client.markets_by_id[name] = [client.markets[market.symbol]]
            client.delisted.add(market.symbol)
        self._markets.setdefault(client.market_id(market.symbol), market)

    def _market(self, listing: Any) -> Market | None:
        try:
            return translate.market_from(self._venue, listing)
        except (InvalidInput, *outcome.NONSENSE) as error:
            log.warning("a market's rules can't be read", market=str(listing.get("symbol")), error=str(error))
            return None

    async def standing(self, markets: Sequence[Market]) -> dict[MarketId, Market | Trouble]:
        """Each market as it is listed now or, where it is halted or delisted, that."""
        gone = {market.id: Trouble.DELISTED for market in markets if market.symbol in self.client.delisted}
        names = {self.client.market_id(market.symbol): market.id for market in markets if market.id not in gone}
        found = await self._standing(list(names)) if names else {}
        return {**gone, **{names[name]: stands for name, stands in found.items()}}

    async def _standing(self, names: list[str]) -> dict[str, Market | Trouble]:
        """By the venue's names. One that it does not know makes it refuse the whole list: then each is asked alone."""

        def unknown(error: ccxt.BaseError) -> tuple[dict[str, Market | Trouble]] | None:
            alone: dict[str, Market | Trouble] = {names[0]: Trouble.DELISTED} if len(names) == 1 else {}
            return (alone,) if isinstance(error, ccxt.BadSymbol) else None

        listed = "[" + ",".join(f'"{name}"' for name in names) + "]"
        asked = self.client.publicGetExchangeInfo({"symbols": listed})
        found = await self._ask("exchangeInfo", asked, self._stand, unknown)
        if found or len(names) == 1:
            return found
        return {name: stands for each in names for name, stands in (await self._standing([each])).items()}

    def _stand(self, answer: Any) -> dict[str, Market | Trouble]:
        troubles, rows = translate.standing_from(answer), {row["symbol"]: row for row in answer["symbols"]}
        return {name: trouble or self._listed_anew(name, rows[name]) for name, trouble in troubles.items()}

    def _listed_anew(self, name: str, row: Any) -> Market:
        """A market by the venue's list of now; every client of the session rounds by it from here on. Where it makes no
        sense, it is as before: whether it is traded is known all the same."""
        try:
            parsed = self.client.parse_market(row)
            now = {part: parsed[part] for part in ("precision", "limits", "info")}
            shared = self.client.markets[self._markets[name].symbol]
        except outcome.NONSENSE as error:
            log.warning("a market's rules can't be read", market=name, error=type(error).__name__)
            return self._markets[name]
        market = self._market(shared | now)
        if market is not None:
            shared.update(now)
            self._markets[name] = market
        return self._markets[name]

    async def prices(self, markets: Sequence[Market]) -> dict[MarketId, Decimal]:
        """What each of them was traded at last, in one request; what is delisted has no price. A market that the venue does
        not know, though it listed it, makes it refuse the whole list: then the halves of the list are asked for."""
        listed = [market for market in markets if market.symbol not in self.client.delisted]
        names = {self.client.market_id(market.symbol): market.id for market in listed}
        if not names:
            return {}

        def read(answer: Any) -> dict[MarketId, Decimal]:
            return {names[row["symbol"]]: translate.canonical(row["price"]) for row in translate.rows_from(answer)}

        def unknown(error: ccxt.BaseError) -> tuple[dict[MarketId, Decimal]] | None:
            return ({},) if isinstance(error, ccxt.BadSymbol) else None

        asked = self.client.publicGetTickerPrice({"symbols": "[" + ",".join(f'"{name}"' for name in names) + "]"})
        found, half = await self._ask("ticker/price", asked, read, unknown), len(listed) // 2
        if found or not half:
            return found
        return await self.prices(listed[:half]) | await self.prices(listed[half:])

    async def tickers(self) -> dict[MarketId, Ticker]:
        """Every listed market that has traded in 24 hours: one request; a row that makes no sense is left out, and logged.

        Ask for `markets` first.
        """

        def read(answer: Any) -> dict[MarketId, Ticker]:
            rows = ((self._markets.get(row["symbol"]), row) for row in translate.rows_from(answer))
            found = (self._ticker(market, row) for market, row in rows if market is not None)
            return {ticker.market: ticker for ticker in found if ticker is not None}

        return await self._ask("ticker/24hr", self.client.publicGetTicker24hr(), read)

    def _ticker(self, market: Market, row: Any) -> Ticker | None:
        try:
            return translate.ticker_from(market, row)
        except outcome.NONSENSE as error:
            log.warning("a ticker can't be read", market=market.id, error=str(error))
            return None

    async def time_ms(self) -> int:
        """The venue's time; also told to `on_time`."""
        now = await self._ask("fetch_time", self.client.fetch_time(), int)
        self._on_time(now)
        return now

    async def read_clock(self) -> ClockReading:
        """Our clock beside the venue's; every client of the session signs with the venue's time from then on."""
        read: ClockReading = await self._ask("fetch_time", self.client.read_clock(), lambda reading: reading)
        return read

    async def subscribe(
        self, markets: Sequence[Market], timeframe_ms: int, on_candle: OnCandle, on_lost: OnLost
    ) -> None:
        """Return once the venue has acknowledged; from then on each closed candle is handed over once."""
        stream = self._stream

        def on_status(connection: Any, answer: Any) -> Any:
            stream.acknowledge()
            return answer

        def on_kline(connection: Any, frame: Any) -> None:
            self._on_time(int(frame["E"]))
            k = frame["k"]
            if k["x"] and k["s"] in self._markets:
                on_candle(translate.candle_from_frame(self._markets[k["s"]], timeframe_ms, k))

        self.client.handle_subscription_status = on_status
        self.client.handle_ohlcv = on_kline
        await self._pacer.connect()
        pairs = [[market.symbol, timeframe_name(timeframe_ms)] for market in markets]
        await stream.open(lambda: self.client.watch_ohlcv_for_symbols(pairs), on_lost)

    async def history(self, market: Market, timeframe_ms: int, since_ms: int) -> Sequence[Candle]:
        """All closed candles with an open time of at least `since_ms`, in order; closed by the venue's clock, not ours. A
        market that the venue does not know (any more) has none: it must not keep others from theirs."""

        def unknown(error: ccxt.BaseError) -> tuple[tuple[list[Candle], None]] | None:
            return (([], None),) if isinstance(error, ccxt.BadSymbol) else None

        candles: list[Candle] = []
        now_ms = await self.time_ms()
        next_ms: int | None = since_ms
        while next_ms is not None:
            page, next_ms = await self._page(market, timeframe_ms, next_ms, now_ms, unknown)
            candles += page
        return candles

    async def page(self, market: Market, timeframe_ms: int, since_ms: int, now_ms: int) -> Sequence[Candle]:
        """A thousand of them at most, closed by `now_ms`, in order."""
        return (await self._page(market, timeframe_ms, since_ms, now_ms))[0]

    async def _page(
        self,
        market: Market,
        timeframe_ms: int,
        since_ms: int,
        now_ms: int,
        instead: Instead[tuple[list[Candle], int | None]] = lambda error: None,
    ) -> tuple[list[Candle], int | None]:
        """The closed candles of a page, and where the next page starts."""

        def read(answer: Any) -> tuple[list[Candle], int | None]:
            rows = sorted(translate.rows_from(answer), key=lambda row: int(row[0]))
            closed = [row for row in rows if int(row[0]) + timeframe_ms <= now_ms]
            next_ms = int(rows[-1][0]) + 1 if len(rows) == HISTORY_PAGE else None
            return self._candles(market, timeframe_ms, closed), next_ms

        request = {"symbol": self.client.market_id(market.symbol), "interval": timeframe_name(timeframe_ms)}
        asked = self.client.publicGetKlines({**request, "startTime": since_ms, "limit": HISTORY_PAGE})
        return await self._ask("klines", asked, read, instead)

    def _candles(self, market: Market, timeframe_ms: int, rows: Sequence[Any]) -> list[Candle]:
        """The rows' candles. One that makes no sense fails its page; said again in the same words it is what the venue
        has on record: then that bar does not exist, and keeps nobody from starting."""
        candles, unheard = list[Candle](), list[translate.BadFrame]()
        for row in rows:
            try:
                candles.append(translate.candle_from_row(market, timeframe_ms, row))
            except translate.BadFrame as error:
                words = (market.id, str(timeframe_ms), *map(str, row[:6]))
                if words not in self._senseless:
                    unheard.append(error)
                self._senseless.add(words)
                log.warning("a candle makes no sense", market=market.id, row=words)
        if unheard:
            raise unheard[0]
        return candles

    async def close(self) -> None:
        """Stop watching and close the client."""
        await self._stream.close()
        await self.client.close()
