"""What markets closed at, minute by minute, and what a book gives for a lot: asked of their venue, without any key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.core.commission.exact import ZERO, exact
from tradepool.core.commission.recorded import MINUTE_MS, Minute, Recorded
from tradepool.core.risk.symbols import listed_market
from tradepool.domain.candle import Candle
from tradepool.domain.errors import UnknownMarket
from tradepool.domain.ids import MarketId
from tradepool.domain.market import Market
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.venue_way import Way, asked, way_to

DAY_MS = 86_400_000
# Looked for in minutes just before, then in candles of five minutes over the day before.
NEAR_MS = 10 * MINUTE_MS
PAGE_MS = 1_000 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class PriceSource:
    """The venue's time, and its closes of minutes."""

    now_ms: Callable[[], int]
    closes: Callable[[Collection[Minute]], Mapping[Minute, Recorded]]


def source_of(deployed: Deployed) -> PriceSource:
    """The deployment's venue, asked when something is missing. ExchangeAway."""
    way = way_to(deployed)
    return PriceSource(way[0].now_ms, partial(closes_of, deployed, way))


def closes_of(deployed: Deployed, way: Way, wanted: Collection[Minute]) -> dict[Minute, Recorded]:
    """The last close of each market at or before the end of each minute; a market that the venue does not list has none.

    Raises what asking the venue does.
    """
    return asyncio.run(_closes(deployed, way, wanted)) if wanted else {}


def bid_for(deployed: Deployed, way: Way, market: MarketId, quantity: Decimal) -> Decimal | None:
    """The average price that the bids of a market's book give for so much now; None where they do not reach.

    Raises what asking the venue does, and UnknownMarket.
    """
    return asyncio.run(_bid(deployed, way, market, quantity))


async def _closes(deployed: Deployed, way: Way, wanted: Collection[Minute]) -> dict[Minute, Recorded]:
    found = dict[Minute, Recorded]()
    async with asked(deployed.venue.id, way) as venue:
        listed = await venue.listed()
        for market in sorted({market for market, _ in wanted}):
            minutes = sorted(minute for each, minute in wanted if each == market)
            try:
                known = listed_market(listed, market)
            except UnknownMarket:
                found |= dict.fromkeys(((market, minute) for minute in minutes), Recorded(None))
                continue
            for minute, close in zip(minutes, await _each(venue.feed, known, minutes), strict=True):
                found[market, minute] = close
    return found


async def _each(feed: CcxtFeed, market: Market, minutes: Sequence[int]) -> list[Recorded]:
    """A page tells of many minutes; one that has nothing just before it is looked for over the day before."""
    found, page, until_ms = list[Recorded](), list[Candle](), -1
    for minute in minutes:
        end_ms = minute + MINUTE_MS
        if end_ms > until_ms:
            since_ms = minute - NEAR_MS
            until_ms = since_ms + PAGE_MS
            page = list(await feed.page(market, MINUTE_MS, since_ms, until_ms))
        close = _last(page, end_ms)
        if close is None:
            close = _last(await feed.page(market, 5 * MINUTE_MS, end_ms - DAY_MS, end_ms), end_ms)
        found.append(close or Recorded(None))
    return found


def _last(candles: Sequence[Candle], end_ms: int) -> Recorded | None:
    before = [candle for candle in candles if candle.close_time_ms <= end_ms]
    if not before:
        return None
    return Recorded(Decimal(repr(before[-1].close)), (end_ms - before[-1].close_time_ms) // 1_000)


async def _bid(deployed: Deployed, way: Way, market: MarketId, quantity: Decimal) -> Decimal | None:
    async with asked(deployed.venue.id, way) as venue:
        known = listed_market(await venue.listed(), market)
        books = venue.books()
        try:
            snapshot = await books.snapshot(known)
        finally:
            await books.close()
    levels = [(known.price(ticks), units * known.base_unit) for ticks, units in sorted(snapshot.bids, reverse=True)]
    return average_bid(levels, quantity)


@exact
def average_bid(levels: Sequence[tuple[Decimal, Decimal]], quantity: Decimal) -> Decimal | None:
    """The average price of selling so much into bids, the best first, floored to eight places; None: they do not reach.

    >>> levels = [(Decimal(100), Decimal(1)), (Decimal(99), Decimal(2))]
    >>> average_bid(levels, Decimal(2)), average_bid(levels, Decimal(4))
    (Decimal('99.50000000'), None)
    """
    left, brought = quantity, ZERO
    for price, size in levels:
        part = min(left, size)
        left, brought = left - part, brought + part * price
    unit = Decimal("0.00000001")
    return brought // (quantity * unit) * unit if quantity and not left else None
