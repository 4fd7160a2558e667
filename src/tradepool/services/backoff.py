"""Waiting between tries: twice as long each time, never for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tradepool.domain.errors import VenueError
from tradepool.ports.clock import Clock
from tradepool.runtime import telemetry

STEADY_MS = 60_000

T = TypeVar("T")

log = telemetry.logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the first wait is, how long none is exceeded, and after how many tries a question is given up: about two
    minutes in all."""

    first_s: float
    max_s: float
    tries: int


CALM = Pace(0.5, 60.0, 9)
# Where a position may be bare meanwhile. The weight broker keeps this from being more than the venue allows.
URGENT = Pace(0.05, 2.0, 65)
ONCE = Pace(0.0, 0.0, 1)
TRIES = CALM.tries


class Backoff:
    """0.5 s, 1 s, 2 s ... 60 s, or at another pace, on the clock it is given."""

    def __init__(self, clock: Clock, pace: Pace = CALM) -> None:
        """The first wait is the shortest."""
        self._clock = clock
        self._pace = pace
        self._next_s = pace.first_s

    def next_s(self) -> float:
        """How long to wait before the next try, in seconds; each call means one try."""
        wait_s, self._next_s = self._next_s, min(2 * self._next_s, self._pace.max_s)
        return wait_s

    async def wait(self) -> None:
        """Wait before the next try."""
        await self._clock.sleep(self.next_s())

    def reset(self) -> None:
        """The trouble is over: the next wait is the shortest again."""
        self._next_s = self._pace.first_s


async def patiently(clock: Clock, ask: Callable[[], Awaitable[T]], pace: Pace = CALM) -> T:
    """The answer to a question that may be asked again; the error of the last try, or one that is not transient."""
    backoff = Backoff(clock, pace)
    for tries_left in reversed(range(pace.tries)):
        try:
            return await ask()
        except VenueError as error:
            if not error.transient or not tries_left:
                raise
            log.warning("asked again", error=str(error), tries_left=tries_left)
        await backoff.wait()
    raise AssertionError("the last try answers or raises")


async def unanswered(clock: Clock, ask: Callable[[], Awaitable[object]], pace: Pace = CALM) -> VenueError | None:
    """What is left of a question that was asked patiently, if nobody answered it; raises what no later try may mend."""
    try:
        await patiently(clock, ask, pace)
    except VenueError as error:
        if not is_transient(error):
            raise
        return error
    return None


def is_transient(error: Exception) -> bool:
    """Whether a later try may mend it."""
    return isinstance(error, VenueError) and error.transient


class Reconnecting:
    """A connection's tries: the first after a steady time at once, each further one later."""

    def __init__(self, clock: Clock) -> None:
        """Not connected yet."""
        self._clock = clock
        self._backoff = Backoff(clock)
        self._since_ms: int | None = None

    def connected(self) -> None:
        """It stands again."""
        self._since_ms = self._clock.now_ms()

    async def before_try(self) -> None:
        """Wait, unless the connection that broke had stood for STEADY_MS: a venue that hangs up is not hammered."""
        since_ms, self._since_ms = self._since_ms, None
        if since_ms is not None and self._clock.now_ms() - since_ms >= STEADY_MS:
            self._backoff.reset()
            return
        await self._backoff.wait()
