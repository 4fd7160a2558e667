"""The platform of a kill test, a process of its own: `platform_process.py CONFIG.json`.

It trades in lock step with a venue in another process and kills itself, with SIGKILL, at the n-th passing of a point:

- `intent`: an intent is in the journal, its order not yet on the wire
- `answer`: the venue has taken a request and answered, the platform has not read the answer
- `booked`: a fill is in the journal, what follows from it is not sent
- `asked`: starting, before a question to the venue about what was missed
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.exchanges.transport import Transport
from tradepool.core.account import account_step as step
from tradepool.domain.event import OrderFilled
from tradepool.domain.fill import Fill
from tradepool.domain.ids import FillId
from tradepool.domain.market import Market
from tradepool.domain.order import Order, OrderRequest
from tradepool.domain.trade import Origin
from tradepool.entrypoints.app import Platform, Wiring
from tradepool.entrypoints.lock_step import IdleSelector, LockStep, RemoteVenue, run_in_lock_step
from tradepool.entrypoints.replay import FOREVER_MS, VENUE, Plan
from tradepool.ports.exchange import AccountGateway, IsKnown
from tradepool.ports.journal import Record
from tradepool.runtime.clock import VirtualClock

UNPROTECTED = 5


@dataclass
class Fate:
    """Where and when this life ends; `count` 0 means never."""

    point: str
    count: int

    def pass_by(self, point: str) -> None:
        """Count a passing; the last one is the last thing this process does."""
        if point == self.point:
            self.count -= 1
            if self.count == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class FatalJournal(DatabaseJournal):
    """The real journal, and death right after a commit."""

    fate: Fate

    def write(self, record: Record) -> None:
        super().write(record)
        if record.intents:
            self.fate.pass_by("intent")
        if isinstance(record.event, OrderFilled):
            self.fate.pass_by("booked")


class FatalGateway:
    """The real gateway, and death before a question."""

    def __init__(self, gateway: AccountGateway, fate: Fate) -> None:
        self._gateway = gateway
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    async def look_up(self, request: OrderRequest) -> Order | None:
        self._fate.pass_by("asked")
        return await self._gateway.look_up(request)

    async def fills(self, market: Market, after: FillId | None, is_known: IsKnown) -> Sequence[Fill]:
        self._fate.pass_by("asked")
        return await self._gateway.fills(market, after, is_known)


def fatal_trace(fate: Fate) -> aiohttp.TraceConfig:
    """Death when the venue has answered an order, before anybody reads the answer."""
    config = aiohttp.TraceConfig()

    async def answered(_: object, __: object, end: aiohttp.TraceRequestEndParams) -> None:
        if end.method in ("POST", "DELETE") and end.url.path.endswith(("/order", "/orderList/oco")):
            fate.pass_by("answer")

    config.on_request_end.append(answered)
    return config


def unprotected(platform: Platform) -> bool:
    """Whether an open position that has a stop level has no stop in the book."""
    slots = [slot for actor in platform.desk.actors for slot in actor.account.slots.values()]
    return any(slot.held and slot.row[step.STOP] > 0 and not slot.row[step.RESTING] for slot in slots)


async def trade(selector: IdleSelector, config: dict[str, Any], plan: Plan) -> int:
    """Trade to the end of the candles, or to the end of this life."""
    fate = Fate(config["point"], config["count"])
    clock = VirtualClock()
    connection = open_store(Path(config["database"]))
    journal = FatalJournal(connection)
    journal.fate = fate
    control = aiohttp.ClientSession(connector=aiohttp.UnixConnector(config["control"]))
    remote = RemoteVenue(control, "http://control", clock)
    wiring = Wiring(
        venue=VENUE,
        timeframe_ms=plan.timeframe_ms,
        transport=Transport(ca_file=Path(config["ca_file"]), unix_socket=Path(config["venue"])),
        clock=clock,
        connection=connection,
        strategies=plan.strategies(),
        seats=plan.seats(),
        origin=Origin.PRACTICE,
        on_time=lambda time_ms: clock.advance_to(max(time_ms, clock.now_ms())),
        traces=[remote.trace(), fatal_trace(fate)],
        keep_alive_ms=FOREVER_MS,
        journal=journal,
        wrap_gateway=lambda gateway: FatalGateway(gateway, fate),
    )
    platform = Platform(wiring)
    await platform.start()
    naked = False

    def before_step() -> bool:
        nonlocal naked
        if remote.waits:
            return False
        # While an answer is awaited the venue's bars do not go on: an exit that may have been sent is waited for.
        naked = naked or (not platform.desk.busy and unprotected(platform))
        return True

    await LockStep(selector, clock, lambda: platform.desk.busy).run(remote, before_step)
    await platform.feed.time_ms()
    await platform.stop()
    await control.close()
    dispose(connection)
    return UNPROTECTED if naked else 0


def main() -> int:
    """Read the config and live."""
    from tests.crash.kill_kit import plan_of

    config = json.loads(Path(sys.argv[1]).read_text())
    np.seterr(all="raise")
    return run_in_lock_step(lambda selector: trade(selector, config, plan_of(config)))


if __name__ == "__main__":
    sys.exit(main())
