"""24-hour tickers of all markets of a venue, asked for once a minute for everybody.

One request a minute (weight 80 of 6,000 on Binance) instead of a stream that would tell every market that moved each
second, which is a megabyte a second to read for numbers that screen markets over a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tradepool.domain.errors import VenueError
from tradepool.domain.ids import MarketId
from tradepool.domain.ticker import Ticker
from tradepool.ports.clock import Clock
from tradepool.runtime import telemetry

ROUND_S = 60.0

log = telemetry.logger(__name__)


class TickerFeed(Protocol):
    """Whoever can tell them."""

    async def tickers(self) -> Mapping[MarketId, Ticker]:
        """Every market that has traded in the last 24 hours, in one request."""
        ...


class MarketTickers:
    """`all` is what the venue said last, whole; `run` it until it is cancelled."""

    def __init__(self, feed: TickerFeed, clock: Clock) -> None:
        """Nothing is known before `run`."""
        self.all: Mapping[MarketId, Ticker] = {}
        self._feed = feed
        self._clock = clock
        self._told_ms: int | None = None

    @property
    def age_ms(self) -> int | None:
        """How long ago the venue was asked; None before it has answered."""
        return None if self._told_ms is None else self._clock.now_ms() - self._told_ms

    async def run(self) -> None:
        """Ask every ROUND_S; what can't be asked for gets older."""
        while True:
            try:
                self.all, self._told_ms = await self._feed.tickers(), self._clock.now_ms()
            except VenueError as error:
                log.warning("no tickers", error=str(error))
            await self._clock.sleep(ROUND_S)
