"""What a fault does to a request on the ws-api: the same as to one over REST, as far as a message can show it.

A connection goes on while an answer waits: later requests are answered before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from tradepool.ports.clock import Clock
from tradepool.simexchange.bad_calls import BadCalls, is_accepted
from tradepool.simexchange.codecs.binance.rejection import Rejection
from tradepool.simexchange.codecs.binance.streams import Ask, api_error_text
from tradepool.simexchange.codecs.websocket import text_frame
from tradepool.simexchange.fault_kinds import CODES, Fault
from tradepool.simexchange.faults import Rule
from tradepool.simexchange.venue import Venue

# The codes of a venue that did not even look at the request.
CLOSED: Mapping[str, tuple[int, int]] = {"too_many": (-1003, 429), "banned": (-1003, 418), "maintenance": (-1016, 503)}
Take = Callable[[], bytes]


class Link(Protocol):
    """The connection a request came on."""

    def send(self, data: bytes) -> None:
        """Send a frame."""
        ...

    def drop(self) -> None:
        """End the connection at once."""
        ...


class BadAsks:
    """Answers requests on the ws-api as they are taken, except where a fault strikes."""

    def __init__(self, venue: Venue, calls: BadCalls, clock: Clock) -> None:
        """`calls` decides what is struck; what waits, waits on `clock`."""
        self._venue, self._calls, self._clock = venue, calls, clock
        self._waiting: set[asyncio.Task[None]] = set()

    def answer(self, ask: Ask, link: Link, take: Take) -> bytes:
        """What is answered at once; nothing (empty) where it comes later or never. What was taken stays taken."""
        rule, late_ms = self._calls.on_ask(ask)
        if not late_ms:
            return self._answer(rule, ask, link, take)
        self._later(late_ms, link, lambda: self._answer(rule, ask, link, take))
        return b""

    async def close(self) -> None:
        """Answer nothing any more."""
        waiting = tuple(self._waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    def _answer(self, rule: Rule | None, ask: Ask, link: Link, take: Take) -> bytes:
        if rule is None:
            return take()
        fault = rule.fault
        if fault.kind in CLOSED:
            return self._error(ask, *CLOSED[fault.kind], fault)
        answer = take() if is_accepted(fault) else b""
        match fault.kind:
            case "reset":
                link.drop()
            case "silence" if fault.delay_ms:
                self._later(fault.delay_ms, link, lambda: _dropped(link))
            case "late":
                self._later(fault.delay_ms, link, lambda: answer)
            case "code":
                return self._error(ask, fault.code, CODES[fault.code][0], fault)
        return b""

    def _error(self, ask: Ask, code: int, status: int, fault: Fault) -> bytes:
        wait_s = fault.retry_after_s if fault.kind in ("too_many", "banned") else None
        return api_error_text(ask.id, Rejection(code, CODES[code][1], status, wait_s), self._venue.clock_ms())

    def _later(self, delay_ms: int, link: Link, make: Take) -> None:
        task = asyncio.get_running_loop().create_task(self._send_later(delay_ms, link, make))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _send_later(self, delay_ms: int, link: Link, make: Take) -> None:
        await self._clock.sleep(delay_ms / 1000)
        if answer := make():
            link.send(text_frame(answer))


def _dropped(link: Link) -> bytes:
    link.drop()
    return b""
