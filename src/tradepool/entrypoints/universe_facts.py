"""What only a venue knows of its markets, asked once for a command: their status and how wide they are quoted now."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress

from tradepool.adapters.exchanges.ccxt_reader import CcxtReader
from tradepool.adapters.exchanges.transport import Transport
from tradepool.adapters.exchanges.venues import UnknownVenue
from tradepool.domain.ids import MarketId
from tradepool.domain.ticker import MarketFacts
from tradepool.entrypoints.data_download import Venues
from tradepool.runtime.clock import RealClock


def asked_facts(venues: Collection[str], transport: Transport | None = None) -> dict[MarketId, MarketFacts]:
    """The facts of every spot market of these venues; of a venue that nobody knows there are none. VenueError."""
    return asyncio.run(_asked(venues, transport or Transport()))


async def _asked(venues: Collection[str], transport: Transport) -> dict[MarketId, MarketFacts]:
    clock, found = RealClock(), dict[MarketId, MarketFacts]()
    doors = Venues(transport, clock)
    try:
        for venue in venues:
            with suppress(UnknownVenue):
                reader = CcxtReader(venue, doors.session(venue), clock)
                try:
                    found |= await reader.facts()
                finally:
                    await reader.close()
    finally:
        await doors.close()
    return found
