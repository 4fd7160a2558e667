"""Public data of any venue ccxt knows, by its unified calls: markets, candles, tickers. No key, no order, no stream.

What a venue without a certificate can be used for. Its numbers are as good as ccxt's reading of them: nobody has held
them against the venue yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tradepool.adapters.exchanges import outcome, translate
from tradepool.adapters.exchanges.ask import Ask
from tradepool.adapters.exchanges.clients import new_client
from tradepool.adapters.exchanges.transport import Session
from tradepool.domain.candle import Candle, timeframe_name
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.market import Market
from tradepool.domain.ticker import MarketFacts
from tradepool.ports.clock import Clock
from tradepool.runtime import telemetry

PAGE = 500
NEVER_MS = 10**9

log = telemetry.logger(__name__)


class CcxtReader:
    """One venue, read only; its session must have that venue's `reach` (`venues.facts_of`)."""

    def __init__(self, venue: str, session: Session, clock: Clock) -> None:
        """Raise UnknownVenue; nothing is asked yet."""
        self.client: Any = new_client(venue, session, clock, NEVER_MS)
        self._venue = venue
        self._clock = clock
        self._ask = Ask(self.client, AccountId(""))

    async def markets(self) -> list[Market]:
        """Its spot markets that are traded now; one whose rules can't be read is left out, and logged."""
        listings = await self._ask("load_markets", self.client.load_markets(), dict.values)
        found = [self._market(each) for each in listings if each["spot"] and each["active"] is not False]
        return [market for market in found if market is not None]

    def _market(self, listing: Any) -> Market | None:
        try:
            return translate.market_from(self._venue, listing)
        except (InvalidInput, *outcome.NONSENSE) as error:
            log.warning("a market's rules can't be read", market=str(listing.get("symbol")), error=str(error))
            return None

    async def candles(self, market: Market, timeframe_ms: int, since_ms: int) -> list[Candle]:
        """At most PAGE closed candles with an open time of at least `since_ms`, in order: ask on from the last one."""
        name, now_ms = timeframe_name(timeframe_ms), self._clock.now_ms()
        asked = self.client.fetch_ohlcv(market.symbol, name, since_ms, PAGE)

        def read(answer: Any) -> list[Candle]:
            rows = sorted(translate.rows_from(answer), key=lambda row: int(row[0]))
            closed = [row for row in rows if since_ms <= int(row[0]) <= now_ms - timeframe_ms]
            return [translate.candle_from_row(market, timeframe_ms, row) for row in closed]

        return await self._ask("fetch_ohlcv", asked, read)

    async def last_prices(self, markets: Sequence[Market]) -> dict[MarketId, Decimal]:
        """The last price of each market that has one."""
        asked = self.client.fetch_tickers([market.symbol for market in markets])

        def read(answer: Any) -> dict[MarketId, Decimal]:
            prices = {market.id: answer.get(market.symbol, {}).get("last") for market in markets}
            return {name: translate.canonical(str(price)) for name, price in prices.items() if price is not None}

        return await self._ask("fetch_tickers", asked, read)

    async def facts(self) -> dict[MarketId, MarketFacts]:
        """Status and spread of every spot market, traded or not; best prices of all come in one request."""
        listings = await self._ask("load_markets", self.client.load_markets(), dict.values)
        quick = self.client.has["fetchBidsAsks"]
        asked = self.client.fetch_bids_asks() if quick else self.client.fetch_tickers()
        quotes = await self._ask("fetch_bids_asks" if quick else "fetch_tickers", asked, _spreads)
        spot = [each for each in listings if each["spot"]]
        return {
            MarketId(f"{self._venue}:{each['symbol']}"): MarketFacts(_status(each), quotes.get(each["symbol"]))
            for each in spot
        }

    async def close(self) -> None:
        """Leave."""
        await self.client.close()


def _status(listing: Any) -> str:
    """The venue's own word; where it has none, whether ccxt takes it for active."""
    told = listing["info"].get("status") if isinstance(listing["info"], dict) else None
    return told if isinstance(told, str) and told else "inactive" if listing["active"] is False else "active"


def _spreads(answer: Any) -> dict[str, float]:
    """By symbol, in percent of the middle; a side that is empty or zero leaves a market out."""
    found = {}
    for symbol, row in answer.items():
        bid, ask = (float(row.get(side) or 0.0) for side in ("bid", "ask"))
        if 0.0 < bid <= ask:
            found[str(symbol)] = 200.0 * (ask - bid) / (ask + bid)
    return found
