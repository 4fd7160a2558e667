"""Public market data through ccxt: one client for all users, closed candles taken from the stream by handler.

ccxt's `watch_*` results drop and coalesce candles in a burst; its handlers see every frame exactly once, so this feed
listens there and keeps one `watch_*` call pending only to hear of a broken connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import ccxt

from tradepool.adapters.exchanges import outcome, translate
from tradepool.adapters.exchanges.clients import new_client
from tradepool.adapters.exchanges.transport import Session
from tradepool.domain.candle import Candle, timeframe_name
from tradepool.domain.errors import VenueError
from tradepool.domain.ids import AccountId
from tradepool.domain.market import Market
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import OnCandle, OnLost

HISTORY_PAGE = 1_000
ACKNOWLEDGE_TIMEOUT_S = 30.0
NOBODY = AccountId("")


class CcxtFeed:
    """The candles of one venue."""

    def __init__(
        self, venue: str, session: Session, clock: Clock, on_time: Callable[[int], None], keep_alive_ms: int = 30_000
    ) -> None:
        """`on_time` hears the venue's time from every frame; a replay sets its clock by it."""
        self.client: Any = new_client(venue, session, clock, keep_alive_ms)
        self._venue = venue
        self._on_time = on_time
        self._markets: dict[str, Market] = {}
        self._watching: asyncio.Task[None] | None = None

    async def markets(self) -> Sequence[Market]:
        """Every spot market the venue trades now."""
        try:
            listings = await self.client.load_markets()
        except ccxt.BaseError as error:
            raise outcome.named(error, self._venue, "load_markets", NOBODY) from error
        found = [translate.market_from(self._venue, m) for m in listings.values() if m["spot"] and m["active"]]
        self._markets = {self.client.market_id(m.symbol): m for m in found}
        return found

    async def time_ms(self) -> int:
        """The venue's time; also told to `on_time`."""
        try:
            now = int(await self.client.fetch_time())
        except ccxt.BaseError as error:
            raise outcome.named(error, self._venue, "fetch_time", NOBODY) from error
        self._on_time(now)
        return now

    async def subscribe(
        self, markets: Sequence[Market], timeframe_ms: int, on_candle: OnCandle, on_lost: OnLost
    ) -> None:
        """Return once the venue has acknowledged; from then on each closed candle is handed over once."""
        acknowledged = asyncio.Event()

        def on_status(client: Any, message: Any) -> Any:
            acknowledged.set()
            return message

        def on_kline(client: Any, message: Any) -> None:
            self._on_time(int(message["E"]))
            k = message["k"]
            if k["x"] and k["s"] in self._markets:
                on_candle(translate.candle_from_frame(self._markets[k["s"]], timeframe_ms, k))

        self.client.handle_subscription_status = on_status
        self.client.handle_ohlcv = on_kline
        pairs = [[market.symbol, timeframe_name(timeframe_ms)] for market in markets]
        self._watching = asyncio.create_task(self._watch(pairs, on_lost), name=f"{self._venue} candles")
        waiting = asyncio.create_task(acknowledged.wait())
        await asyncio.wait(
            (waiting, self._watching), timeout=ACKNOWLEDGE_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
        )
        if not acknowledged.is_set():
            waiting.cancel()
            raise VenueError(venue=self._venue, request="subscribe to candles", message="no acknowledgement")

    async def _watch(self, pairs: list[list[str]], on_lost: OnLost) -> None:
        """Pend until the connection breaks: the handler takes the candles, so this call never gets any."""
        try:
            await self.client.watch_ohlcv_for_symbols(pairs)
        except ccxt.BaseError as error:
            on_lost(type(error).__name__)

    async def history(self, market: Market, timeframe_ms: int, since_ms: int) -> Sequence[Candle]:
        """All closed candles with an open time of at least `since_ms`, in order."""
        candles: list[Candle] = []
        request = {"symbol": self.client.market_id(market.symbol), "interval": timeframe_name(timeframe_ms)}
        while True:
            page = {**request, "startTime": since_ms, "limit": HISTORY_PAGE}
            try:
                rows = await self.client.publicGetKlines(page)
            except ccxt.BaseError as error:
                raise outcome.named(error, self._venue, "klines", NOBODY) from error
            now = self.client.milliseconds()
            closed = [row for row in rows if int(row[0]) + timeframe_ms <= now]
            candles += [translate.candle_from_row(market, timeframe_ms, row) for row in closed]
            if len(rows) < HISTORY_PAGE:
                return candles
            since_ms = int(rows[-1][0]) + 1

    async def close(self) -> None:
        """Stop watching and close the client."""
        if self._watching is not None:
            self._watching.cancel()
        await self.client.close()
