"""Progress of a replay: quiet lines on standard error, or whatever a live view draws; and how fast it may go."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

from tradepool.entrypoints.replay import Replay
from tradepool.presentation.formats import MS_PER_S, minute

QUIET_S = 3.0
DRAW_S = 0.2
STEPS_BETWEEN_LOOKS = 32


class Ticker:
    """A `before_step` that calls `show` now and then. It looks at the clock only every few steps: most are too quick."""

    def __init__(self, show: Callable[[Replay], None], every_s: float, steps: int = STEPS_BETWEEN_LOOKS) -> None:
        """`show` is called at the first step, then every `every_s` seconds; the clock is read every `steps` steps."""
        self._show, self._every_s, self._steps = show, every_s, steps
        self._count, self._next_s = 0, 0.0

    def __call__(self, run: Replay) -> bool:
        """Never holds a step back."""
        if self._count % self._steps == 0 and time.perf_counter() >= self._next_s:
            self._next_s = time.perf_counter() + self._every_s
            self._show(run)
        self._count += 1
        return True


class Pace:
    """A `before_step` that lets virtual time pass `speed` times as fast as real time; `show` is called all the while."""

    def __init__(
        self, speed: float, show: Callable[[Replay], object], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """The pace counts from the first step on; `clock` is real time in seconds."""
        self._speed, self._show, self._clock = speed, show, clock
        self._origin: tuple[int, float] | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def __call__(self, run: Replay) -> bool:
        """Whether the venue's next phase is due; else the loop is woken in time to ask again."""
        if self._alarm is not None:
            return False
        self._show(run)
        now_s, next_ms = self._clock(), run.venue.next_time_ms()
        if next_ms is None:
            return True
        self._origin = self._origin or (next_ms, now_s)
        first_ms, first_s = self._origin
        left_s = first_s + (next_ms - first_ms) / MS_PER_S / self._speed - now_s
        if left_s > 0:
            self._sleep(min(left_s, DRAW_S))
        return left_s <= 0

    def _sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(seconds, self._wake)
        # The loop has already settled how long it waits; it must go round once to learn of the alarm.
        loop.call_soon_threadsafe(_nothing)

    def _wake(self) -> None:
        self._alarm = None


def _nothing() -> None:
    """Makes the loop go round."""


def progress_of(run: Replay) -> float:
    """How much of the candles' time has passed, from 0 to 1."""
    first = min(int(listing.bars.open_time[0]) for listing in run.plan.listings)
    last = max(listing.bars.close_time(-1) for listing in run.plan.listings)
    return min(1.0, max(0.0, (run.venue.now_ms - first) / (last - first)))


def quiet_line(run: Replay) -> None:
    """One line for logs and pipes."""
    done = f"{100 * progress_of(run):3.0f} %"
    candles = run.platform.market_data.candles
    print(f"tradepool: {done}, {minute(run.venue.now_ms)} UTC, {candles:,} candles", file=sys.stderr, flush=True)


def quiet(steps: int = STEPS_BETWEEN_LOOKS) -> Ticker:
    """Quiet lines every few seconds."""
    return Ticker(quiet_line, QUIET_S, steps)
