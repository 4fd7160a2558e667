"""The event loop of a replay: when it has nothing left to do, the venue makes its next step.

An idle loop means that the platform has finished: queues drained, answers read, journal committed. Nobody sleeps and
platform code knows nothing of it. A loop that is idle while a command is unanswered is a stuck platform, and fails by
name.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import aiohttp

from tradepool.domain.errors import TradepoolError
from tradepool.runtime.clock import VirtualClock

T = TypeVar("T")

# A wait this short belongs to the moment it began in: a batch that misses a candle acts at its T, not a bar later.
MOMENT_MS = 2_000


class PlatformStuck(TradepoolError):
    """The platform is idle although {who} wait for an answer; this is a bug, please report it."""


class Stepper(Protocol):
    """Whoever can make the venue go on."""

    def next_time_ms(self) -> int | None:
        """When the venue's next phase is, None when the candles are over or it is not known."""
        ...

    def step(self, until_ms: int | None = None) -> bool:
        """Make the venue go on, but not past `until_ms`; False at the end of the candles."""
        ...

    def pass_time(self, time_ms: int) -> None:
        """Time goes on at the venue as well, though nothing happens there."""
        ...


class IdleSelector(selectors.DefaultSelector):
    """Calls `on_idle` when the loop has nothing ready; it returns True if it made something happen."""

    on_idle: Callable[[], bool] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Ready sockets; before it would wait, the idle hook is asked for something to do."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0) or (self.on_idle is not None and self.on_idle()):
            return ready
        return super().select(timeout)


class LockStep:
    """Drives a venue and a platform in one loop, or two, on virtual time."""

    def __init__(self, selector: IdleSelector, clock: VirtualClock, busy: Callable[[], list[Any]]) -> None:
        """`busy` names who waits for an answer."""
        self._selector = selector
        self._clock = clock
        self._busy = busy
        self.steps = 0

    async def run(self, stepper: Stepper, before_step: Callable[[], bool] = lambda: True) -> None:
        """Step the venue whenever the loop is idle, to the end of its candles.

        `before_step` may hold a step back for now by returning False (to show real time pass, say); the loop then waits
        for whatever else wakes it: a socket, or a `call_soon_threadsafe`. A timer set here comes too late, the loop has
        chosen how long to wait before it asks.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def go_on() -> None:
            if not self._wake(stepper, self._busy()):
                self.steps += 1
                wake_ms = self._clock.next_wake_ms()
                if not stepper.step(None if wake_ms is None else wake_ms - MOMENT_MS - 1):
                    done.set_result(None)

        await self._drive(done, go_on, before_step)

    async def wait_for(self, work: Coroutine[Any, Any, T], stepper: Stepper) -> T:
        """Wait for some work while the venue stands still: what waits and tries again waits on virtual time."""
        done = asyncio.create_task(work)
        await self._drive(done, lambda: self._wake(stepper, [done]))
        return done.result()

    async def _drive(
        self, done: asyncio.Future[T], go_on: Callable[[], object], before_step: Callable[[], bool] = lambda: True
    ) -> None:
        failed: list[TradepoolError] = []

        def on_idle() -> bool:
            if done.done() or not before_step():
                return False
            try:
                go_on()
            except TradepoolError as error:
                failed.append(error)
                done.cancel()
            return True

        self._selector.on_idle = on_idle
        try:
            await asyncio.wait([done])
        finally:
            self._selector.on_idle = None
        if failed:
            raise failed[0]
        done.result()

    def _wake(self, stepper: Stepper, waiting: list[Any]) -> bool:
        """Let time go on to whoever wakes first, if that is before the venue's next step; PlatformStuck when somebody
        waits and nobody will wake."""
        wake_ms, next_ms = self._clock.next_wake_ms(), stepper.next_time_ms()
        if wake_ms is not None and (waiting or next_ms is None or wake_ms <= next_ms + MOMENT_MS):
            now_ms = max(wake_ms, self._clock.now_ms())
            if waiting:
                stepper.pass_time(now_ms)
            elif now_ms > self._clock.now_ms() + MOMENT_MS:
                # Whoever wakes may sign a request with that time; but no phase is passed by.
                stepper.pass_time(now_ms if next_ms is None else min(now_ms, next_ms))
            self._clock.advance_to(now_ms)
            return True
        if waiting:
            raise PlatformStuck(who=", ".join(map(str, waiting)))
        return False


class RemoteVenue:
    """A venue in another process, stepped over its control port; it holds still while a request of ours is out."""

    def __init__(self, session: aiohttp.ClientSession, url: str, clock: VirtualClock) -> None:
        """`url` is the control port's; `requests` counts what the platform has out (see `trace`)."""
        self._session = session
        self._url = url
        self._clock = clock
        self._running = True
        self._next_ms = 0
        self._out = 0
        self._stepping: asyncio.Task[None] | None = None

    def trace(self) -> aiohttp.TraceConfig:
        """Counts the platform's requests that are out: an idle loop with one out is not finished."""
        config = aiohttp.TraceConfig()

        async def begin(*_: object) -> None:
            self._out += 1

        async def end(*_: object) -> None:
            self._out -= 1

        config.on_request_start.append(begin)
        config.on_request_end.append(end)
        config.on_request_exception.append(end)
        return config

    @property
    def waits(self) -> bool:
        """Whether a request or a step is out."""
        return self._out > 0 or (self._stepping is not None and not self._stepping.done())

    def next_time_ms(self) -> int | None:
        """What it said last; the clock follows the venue's frames and answers and may be further."""
        return max(self._next_ms, self._clock.now_ms()) if self._running else None

    def step(self, until_ms: int | None = None) -> bool:
        """Ask for one step; False once the venue has said that its candles are over."""
        if self._running:
            self._stepping = asyncio.ensure_future(self._step(until_ms))
        return self._running

    def pass_time(self, time_ms: int) -> None:
        """A venue in another process keeps its own time."""

    async def _step(self, until_ms: int | None) -> None:
        limit = {} if until_ms is None else {"until_ms": str(until_ms)}
        async with self._session.post(f"{self._url}/step", params=limit) as answer:
            said = await answer.json()
        self._clock.advance_to(max(int(said["now_ms"]), self._clock.now_ms()))
        self._running = bool(said["running"])
        self._next_ms = said["next_ms"] or 0


def run_in_lock_step(main: Callable[[IdleSelector], Coroutine[Any, Any, T]]) -> T:
    """Run a program on a loop whose selector has the idle hook."""
    selector = IdleSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        return runner.run(main(selector))
