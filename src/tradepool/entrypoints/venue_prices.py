"""What markets closed at, at a moment: asked of their venue, without any key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.rate_limits import limits_of
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.adapters.exchanges.venues import facts_of
from tradepool.core.risk.symbols import listed_market
from tradepool.domain.deployment import Kind
from tradepool.domain.ids import MarketId
from tradepool.domain.market import Market
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.exchange_place import ExchangeAway, read_place
from tradepool.entrypoints.practice import clock_of, folder_of, transport_of
from tradepool.ports.clock import Clock
from tradepool.runtime.clock import RealClock
from tradepool.runtime.egress import sealed
from tradepool.runtime.throttle import Throttle

MINUTE_MS, DAY_MS = 60_000, 86_400_000
# Looked for in minutes just before, then in candles of five minutes over the day before.
NEAR_MS = 10 * MINUTE_MS
KEEP_ALIVE_MS = 30_000

# A close, and how many seconds old it was.
Close = tuple[Decimal, int]


def way_to(deployed: Deployed) -> tuple[Clock, Transport]:
    """The venue's time and the way there; a practice exchange that is gone is not started for a look. ExchangeAway."""
    if deployed.deployment.kind is Kind.LIVE:
        return RealClock(), Transport()
    served = read_place(folder_of(deployed))
    if served is None:
        raise ExchangeAway(folder=folder_of(deployed), why="it is not running")
    return clock_of(served), transport_of(served)


def closes_at(
    deployed: Deployed, way: tuple[Clock, Transport], markets: Sequence[MarketId], at_ms: int
) -> dict[MarketId, Close]:
    """The last close of each market at or before a moment; one that had none for a day is left out.

    Raises what asking the venue does, and UnknownMarket.
    """
    return asyncio.run(_closes(deployed, way, markets, at_ms)) if markets else {}


async def _closes(
    deployed: Deployed, way: tuple[Clock, Transport], markets: Sequence[MarketId], at_ms: int
) -> dict[MarketId, Close]:
    clock, venue = way[0], deployed.venue.id
    reach = facts_of(venue).reach
    with sealed(reach.names, lambda error: None):
        session = Session(way[1], (), reach, lambda error: None, 0)
        broker = Throttle(limits_of(venue), clock)
        feed = CcxtFeed(venue, session, clock, lambda time_ms: None, KEEP_ALIVE_MS, broker)
        try:
            listed = {market.id: market for market in await feed.markets()}
            found = {market: await _close(feed, listed_market(listed, market), at_ms) for market in markets}
        finally:
            await feed.close()
            await session.close()
    return {market: close for market, close in found.items() if close is not None}


async def _close(feed: CcxtFeed, market: Market, at_ms: int) -> Close | None:
    for timeframe_ms, back_ms in ((MINUTE_MS, NEAR_MS), (5 * MINUTE_MS, DAY_MS)):
        candles = await feed.page(market, timeframe_ms, at_ms - back_ms, at_ms)
        before = [candle for candle in candles if candle.close_time_ms <= at_ms]
        if before:
            return Decimal(repr(before[-1].close)), (at_ms - before[-1].close_time_ms) // 1_000
    return None
