"""`exchange serve --mirror VENUE`: the markets of a real venue, and its prices while ours is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from tradepool.domain.errors import InvalidInput
from tradepool.entrypoints.inputs import BadFlag
from tradepool.ports.clock import Clock
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.mirror_feed import BINANCE, MirrorFeed, Wire, mirrored_listings
from tradepool.simexchange.venue import Venue

VENUES = {"binance": BINANCE}
FIRST_BOOK_TIMEOUT_S = 15.0
LOOK_S = 0.05


class NotASymbol(InvalidInput):
    """{text} is not a symbol like BTC/USDT; give --symbols as the real venue lists them."""


def wire_of(venue: str) -> Wire:
    """Where a venue is read that can be mirrored; BadFlag when it can't."""
    if venue not in VENUES:
        raise BadFlag(flag="--mirror", value=repr(venue)[:40], wanted=" or ".join(VENUES))
    return VENUES[venue]


def listings_of(wire: Wire, symbols: Sequence[str]) -> list[Listing]:
    """The real venue's markets, to be listed without candles. NotASymbol, MirrorUnreachable, BadMirrorFrame."""

    async def ask() -> list[Listing]:
        async with wire.session() as http:
            return await mirrored_listings(http, names, wire)

    names = [_name(symbol) for symbol in symbols]
    return asyncio.run(ask())


@asynccontextmanager
async def mirrored(venue: Venue, wire: Wire | None, clock: Clock, on_end: Callable[[], None]) -> AsyncIterator[None]:
    """Drive the venue with the real one's prices for as long as it is served; without a wire, do nothing.

    `on_end` is called should the feed end on its own, which is a mistake of ours: it is raised on leaving.
    Entered once every book is whole, or after FIRST_BOOK_TIMEOUT_S: what is not whole by then is halted until it is.
    """
    if wire is None:
        yield
        return
    async with wire.session() as http:
        feed = MirrorFeed(venue, [market.symbol for market in venue.markets], http, clock, wire)
        running = asyncio.create_task(feed.run(), name="mirror")
        running.add_done_callback(lambda _: on_end())
        try:
            until_ms = clock.now_ms() + int(FIRST_BOOK_TIMEOUT_S * 1_000)
            while any(feed.why(each.symbol) for each in venue.markets) and clock.now_ms() < until_ms:
                await clock.sleep(LOOK_S)
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def _name(symbol: str) -> str:
    base, _, quote = symbol.upper().partition("/")
    if not (base.isalnum() and quote.isalnum()):
        raise NotASymbol(text=repr(symbol)[:40])
    return base + quote
