"""The time requests are signed with: our clock, set right by the venue's whenever it is asked."""

from __future__ import annotations

from typing import Any

from tradepool.ports.clock import Clock
from tradepool.ports.exchange import ClockReading


class VenueTime:
    """One for all clients of a session."""

    def __init__(self) -> None:
        """As our clock, until the venue was asked."""
        self.offset_ms = 0

    async def read(self, client: Any, clock: Clock) -> ClockReading:
        """Ask the venue. Its answer was half a round trip old when it came, as far as can be known. ccxt's errors."""
        before_ms = clock.now_ms()
        told_ms = int(await client.fetch_time())
        after_ms = clock.now_ms()
        self.offset_ms = told_ms - (before_ms + after_ms) // 2
        return ClockReading(time_ms=after_ms, offset_ms=self.offset_ms, round_trip_ms=after_ms - before_ms)
