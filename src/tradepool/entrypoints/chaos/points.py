"""Where a platform dies: counted points of its life, and SIGKILL at the n-th passing of one. Nothing is timed.

Each point is a moment between two things that a crash must not tear apart (`POINTS` says which).
"""

from __future__ import annotations

import os
import signal
from asyncio import get_running_loop
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.domain.event import OrderFilled
from tradepool.domain.fill import Fill
from tradepool.domain.ids import FillId
from tradepool.domain.market import Market
from tradepool.domain.order import Order, OrderRequest
from tradepool.ports.exchange import AccountGateway, IsKnown
from tradepool.ports.journal import Record

POINTS = {
    "heard": "an event was applied, nothing of it is in the journal",
    "intent": "an intent is in the journal, its order not yet on the wire",
    "sent": "an order's or cancel's bytes have left, no answer has come",
    "answer": "the venue has answered an order, the platform has not read it",
    "cancelled": "the venue has answered a cancel, the platform has not read it",
    "booked": "a fill is in the journal, what follows from it is not sent",
    "asked": "starting or reconnecting, before a question about what was missed",
    "idle": "nothing is on its way",
}


@dataclass
class Fate:
    """Where and when a life ends: at the `count`-th passing of `point` from `from_ms` on (0: never), or at the first of
    any point from `by_ms` on. Before that, the diary says which point it was."""

    point: str
    count: int
    diary: Path | None = None
    from_ms: int = 0
    by_ms: int | None = None
    now_ms: Callable[[], int] = lambda: 0

    def pass_by(self, point: str) -> None:
        """Count a passing; the last one is the last thing this process does."""
        counts = point == self.point and self.now_ms() >= self.from_ms
        self.count -= counts
        if (counts and self.count == 0) or (self.by_ms is not None and self.now_ms() >= self.by_ms):
            self.note({"died": point})
            os.kill(os.getpid(), signal.SIGKILL)

    def note(self, said: dict[str, object]) -> None:
        """A line in the diary, which is with the kernel when this returns."""
        if self.diary is not None:
            with self.diary.open("ab", buffering=0) as file:
                file.write(orjson.dumps(said) + b"\n")


class MortalJournal(DatabaseJournal):
    """The real journal, and death right before and after a commit."""

    fate: Fate

    def write_all(self, records: Sequence[Record]) -> None:
        """Commit records, if this life lasts so long."""
        self.fate.pass_by("heard")
        super().write_all(records)
        if any(record.intents for record in records):
            self.fate.pass_by("intent")
        if any(isinstance(record.event, OrderFilled) for record in records):
            self.fate.pass_by("booked")


class MortalGateway:
    """The real gateway, and death before a question."""

    def __init__(self, gateway: AccountGateway, fate: Fate) -> None:
        """Everything but the questions goes straight to the gateway."""
        self._gateway = gateway
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        """The gateway's own."""
        return getattr(self._gateway, name)

    async def look_up(self, request: OrderRequest) -> Order | None:
        """The order as the venue has it."""
        self._fate.pass_by("asked")
        return await self._gateway.look_up(request)

    async def fills(self, market: Market, after: FillId | None, is_known: IsKnown) -> Sequence[Fill]:
        """The fills after one of them."""
        self._fate.pass_by("asked")
        return await self._gateway.fills(market, after, is_known)


def mortal_trace(fate: Fate) -> aiohttp.TraceConfig:
    """Death around a request that orders or cancels."""
    config = aiohttp.TraceConfig()

    def orders(method: str, path: str) -> bool:
        return method in ("POST", "DELETE") and path.endswith(("/order", "/orderList/oco"))

    async def sent(_: object, __: object, chunk: aiohttp.TraceRequestChunkSentParams) -> None:
        if orders(chunk.method, chunk.url.path):
            # It is told before the bytes are written, in the same turn of the loop.
            get_running_loop().call_soon(fate.pass_by, "sent")

    async def answered(_: object, __: object, end: aiohttp.TraceRequestEndParams) -> None:
        if orders(end.method, end.url.path):
            fate.pass_by("answer" if end.method == "POST" else "cancelled")

    config.on_request_chunk_sent.append(sent)
    config.on_request_end.append(answered)
    return config
