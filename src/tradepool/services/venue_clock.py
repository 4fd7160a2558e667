"""Our clock beside the venue's: how far it is off, how fast it drifts, and whether entries may go out by it.

Requests are signed with the venue's time whatever ours says. But candles, ages and stops are judged by ours, so nothing
is entered while it is off by more than half of what the venue forgives, or while the last comparison is older than ten
minutes (READING_AGE_MAX_MS: five that failed); what reduces risk goes out all the same.
"""

from __future__ import annotations

from tradepool.domain.errors import VenueError
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import RECV_WINDOW_MS, CandleFeed, ClockReading
from tradepool.runtime import telemetry
from tradepool.services.backoff import Backoff

CHECK_S = 120.0
READING_AGE_MAX_MS = 600_000
OFFSET_SAID_MS = 500
DRIFT_SAID_MS_PER_HOUR = 500
HOUR_MS = 3_600_000

log = telemetry.logger(__name__)


class VenueClock:
    """`reading` is the last comparison (None before the first), `drift_ms_per_hour` how fast it changes."""

    def __init__(self, feed: CandleFeed, clock: Clock, check_s: float = CHECK_S) -> None:
        """Compared every `check_s` once `run` runs."""
        self.reading: ClockReading | None = None
        self.drift_ms_per_hour = 0
        self._feed = feed
        self._clock = clock
        self._check_s = check_s

    @property
    def right(self) -> bool:
        """Whether entries may go out: the offset, not long known, is at most half of the venue's window for requests."""
        if self.reading is None:
            return True
        age_ms = self._clock.now_ms() - self.reading.time_ms
        return age_ms <= READING_AGE_MAX_MS and abs(self.reading.offset_ms) <= RECV_WINDOW_MS // 2

    async def check(self) -> ClockReading:
        """Compare now, and say what is wrong. VenueError when the venue does not tell."""
        now = await self._feed.read_clock()
        self.hear(now)
        return now

    def hear(self, now: ClockReading) -> None:
        """Take a comparison, whoever asked for it; the same one twice is one."""
        before, was_right = self.reading, self.right
        if now == before:
            return
        self.reading = now
        if before is not None and now.time_ms > before.time_ms:
            changed_ms, noise_ms = now.offset_ms - before.offset_ms, (before.round_trip_ms + now.round_trip_ms) // 2
            passed_ms = now.time_ms - before.time_ms
            # Within the round trips nothing can be told from the network's own unsteadiness.
            self.drift_ms_per_hour = changed_ms * HOUR_MS // passed_ms if abs(changed_ms) > noise_ms else 0
        self._say(now, was_right=was_right)

    def _say(self, now: ClockReading, *, was_right: bool) -> None:
        if self.right != was_right:
            log.warning("entries go on" if self.right else "entries stop: our clock is wrong", offset_ms=now.offset_ms)
        elif abs(now.offset_ms) >= OFFSET_SAID_MS:
            log.warning("our clock is off", offset_ms=now.offset_ms, round_trip_ms=now.round_trip_ms)
        if abs(self.drift_ms_per_hour) >= DRIFT_SAID_MS_PER_HOUR:
            log.warning("our clock drifts", ms_per_hour=self.drift_ms_per_hour)

    async def run(self) -> None:
        """Compare again and again until cancelled; sooner while the venue does not tell, or the clock is wrong."""
        backoff = Backoff(self._clock)
        while True:
            try:
                await self.check()
                backoff.reset()
                await self._clock.sleep(self._check_s if self.right else self._check_s / 8)
            except VenueError as error:
                log.warning("the venue does not tell its time", error=str(error))
                await backoff.wait()
