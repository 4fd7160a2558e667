"""Two processes on one virtual time: it goes on when both have nothing left to do, to whatever is next in either.

The platform, when its loop is idle, asks the venue to go on (`POST /go?wake_ms=`, when it wants to be woken itself).
The venue waits until its own loop is idle too. Has it done anything since it last answered, it only says so: the
platform may have something to read. Else time goes on to the first of the platform's next wake, the venue's, and the
venue's next phase. So bars go on while answers are awaited, as they do in the world, and nothing depends on how fast
the machine is.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import aiohttp
import orjson
from aiohttp import web

from tradepool.entrypoints.chaos.exposed import Exposed
from tradepool.entrypoints.lock_step import IdleSelector, PlatformStuck
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.control import Control
from tradepool.simexchange.door import Place
from tradepool.simexchange.server import Server
from tradepool.simexchange.venue import Venue

T = TypeVar("T")


class WorkingSelector(IdleSelector):
    """Counts what its loop was given to do by others than those `apart`, and tells when it has nothing left."""

    def __init__(self) -> None:
        """Nothing was done yet."""
        super().__init__()
        self.work = 0
        self.apart: set[int] = set()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Ready sockets, counted."""
        ready = super().select(timeout)
        self.work += sum(key.fd not in self.apart for key, _ in ready)
        return ready

    async def quiet(self) -> None:
        """Return when the loop has nothing to do but to wait for others."""
        idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_idle() -> bool:
            self.on_idle = None
            idle.set_result(None)
            return True

        self.on_idle = on_idle
        await idle


class GoingOn(Control):
    """The control door of a venue whose time is shared: /go (see above), /alone?bars=N (nobody is there), /exposed."""

    def __init__(
        self, venue: Venue, server: Server, place: Place, selector: WorkingSelector, clock: VirtualClock, bar_ms: int
    ) -> None:
        """`clock` is what waits at the venue wait on; `selector` is its loop's."""
        super().__init__(venue, server, place)
        self._selector, self._clock, self._bar_ms = selector, clock, bar_ms
        self._answered = 0
        self.exposed = Exposed(venue, server.faults)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        said: dict[str, object]
        if request.path == "/go":
            if request.transport is not None:
                self._selector.apart.add(request.transport.get_extra_info("socket").fileno())
            wake_ms = request.query.get("wake_ms")
            said = await self._asked(None if wake_ms is None else int(wake_ms))
        elif request.path == "/alone":
            await self._alone(int(request.query["bars"]))
            said = self._standing()
        elif request.path == "/clock":
            said = self._standing()
        elif request.path == "/exposed":
            said = {"exposed": self.exposed.now()}
        else:
            return await super()._handle(request)
        return web.Response(body=orjson.dumps(said), content_type="application/json")

    async def _asked(self, wake_ms: int | None) -> dict[str, object]:
        await self._selector.quiet()
        if self._selector.work != self._answered:
            self._answered = self._selector.work
            return self._standing()
        naked = await self._go_on(wake_ms)
        self._answered = self._selector.work
        return {**self._standing(), "exposed": naked}

    async def _alone(self, bars: int) -> None:
        """Nobody is there: what the dead platform has sent is taken, then time goes on by so many bars."""
        await self._selector.quiet()
        until_ms = self._venue.now_ms // self._bar_ms * self._bar_ms + bars * self._bar_ms
        while bars and (self._venue.next_time_ms() or until_ms + 1) <= until_ms:
            await self._go_on(None)
        self.exposed.restarted()

    async def _go_on(self, wake_ms: int | None) -> list[list[str]]:
        """To whatever is next; what is exposed, if a bar is about to end that the platform had to itself."""
        venue, naked = self._venue, list[list[str]]()
        next_ms = venue.next_time_ms()
        waking = [each for each in (wake_ms, self._clock.next_wake_ms()) if each is not None]
        first_ms = min(waking, default=None)
        if next_ms is not None and (first_ms is None or next_ms <= first_ms):
            is_end = next_ms % self._bar_ms == 0
            naked = self.exposed.at_the_end_of_a_bar() if is_end else []
            before_end_ms = next_ms if is_end else (next_ms // self._bar_ms + 1) * self._bar_ms - 1
            venue.step(before_end_ms if first_ms is None else min(before_end_ms, first_ms))
        elif first_ms is not None:
            venue.pass_time(max(first_ms, venue.now_ms))
        self._clock.advance_to(max(venue.now_ms, self._clock.now_ms()))
        self.exposed.look()
        await self._selector.quiet()
        await self._server.drain()
        return naked

    def _standing(self) -> dict[str, object]:
        return {"now_ms": self._venue.now_ms, "running": self._venue.next_time_ms() is not None}


class Together:
    """The platform's side: whenever its loop is idle, the venue is asked to go on."""

    def __init__(
        self, selector: IdleSelector, session: aiohttp.ClientSession, clock: VirtualClock, busy: Callable[[], list[Any]]
    ) -> None:
        """`session` leads to the venue's control door; `busy` names who waits for an answer."""
        self.on_exposed: Callable[[list[list[str]]], None] = lambda pairs: None
        self.on_idle: Callable[[], None] = lambda: None
        self._selector, self._session, self._clock, self._busy = selector, session, clock, busy
        self._over = asyncio.get_running_loop().create_future()
        self._going: asyncio.Task[None] | None = None
        selector.on_idle = self._idle

    async def until(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for some work while time goes on."""
        task = asyncio.ensure_future(work)
        await asyncio.wait([task, self._over], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            self._over.result()
        return await task

    async def to_the_end(self) -> None:
        """Return when the candles are over and nobody waits for an answer; PlatformStuck when somebody waits for ever."""
        await self._over

    def stop(self) -> None:
        """Time stands still."""
        self._selector.on_idle = None

    def _idle(self) -> bool:
        if self._over.done() or (self._going is not None and not self._going.done()):
            return False
        self.on_idle()
        self._going = asyncio.ensure_future(self._go())
        return True

    async def _go(self) -> None:
        wake_ms = self._clock.next_wake_ms()
        asked = {} if wake_ms is None else {"wake_ms": str(wake_ms)}
        async with self._session.post("http://venue/go", params=asked) as answer:
            said = orjson.loads(await answer.read())
        if said.get("exposed"):
            self.on_exposed(said["exposed"])
        self._clock.advance_to(max(said["now_ms"], self._clock.now_ms()))
        if said["running"] or self._over.done():
            return
        waiting = self._busy()
        if not waiting:
            self._over.set_result(None)
        elif wake_ms is None:
            self._over.set_exception(PlatformStuck(who=", ".join(map(str, waiting))))
