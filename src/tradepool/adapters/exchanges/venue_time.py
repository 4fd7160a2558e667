"""The time requests are signed with: our clock, set right by the venue's whenever it is asked.

Only the wire counts: a question that waited for its turn says nothing about clocks until it has left. A reading that was
on the wire for longer than ROUND_TRIP_MAX_MS is thrown away, since half of that is how far it may be wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradepool.adapters.exchanges.pacing import at
from tradepool.domain.errors import VenueError
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import ClockReading
from tradepool.ports.weights import Priority

ROUND_TRIP_MAX_MS = 1_000


class TimeTooOld(VenueError):
    """{venue} told its time after {round_trip_ms} ms, too late to set a clock by; it is asked again."""

    transient = True


class VenueTime:
    """One for all clients of a session; `on_reading` hears of each comparison, whoever asked for it."""

    def __init__(self) -> None:
        """As our clock, until the venue was asked."""
        self.offset_ms = 0
        self.on_reading: Callable[[ClockReading], None] = lambda reading: None

    async def read(self, client: Any, clock: Clock) -> ClockReading:
        """Ask the venue, before all others: whatever else is signed depends on it. TimeTooOld, and ccxt's errors.

        Its answer was half a round trip old when it came, as far as can be known.
        """
        left_ms = clock.now_ms()

        def left() -> None:
            nonlocal left_ms
            left_ms = clock.now_ms()

        told_ms = int(await at(Priority.EXIT, client.fetch_time(), on_leave=left))
        came_ms = clock.now_ms()
        round_trip_ms = came_ms - left_ms
        if round_trip_ms > ROUND_TRIP_MAX_MS:
            raise TimeTooOld(venue=client.id, round_trip_ms=round_trip_ms)
        self.offset_ms = told_ms - (left_ms + came_ms) // 2
        reading = ClockReading(time_ms=came_ms, offset_ms=self.offset_ms, round_trip_ms=round_trip_ms)
        self.on_reading(reading)
        return reading
