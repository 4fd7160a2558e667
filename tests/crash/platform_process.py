"""The platform of a kill test, a process of its own: `platform_process.py CONFIG.json`.

It trades in lock step with a venue in another process and kills itself at the n-th passing of a point of `chaos.points`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from tests.crash.kill_kit import place_named
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.exchanges.transport import Transport
from tradepool.core.account import account_step as step
from tradepool.domain.trade import Origin
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.chaos.points import Fate, MortalGateway, MortalJournal, mortal_trace
from tradepool.entrypoints.lock_step import IdleSelector, LockStep, RemoteVenue, run_in_lock_step
from tradepool.entrypoints.replay import FOREVER_MS, VENUE, Plan
from tradepool.entrypoints.wiring import Wiring
from tradepool.runtime.clock import VirtualClock

UNPROTECTED = 5


def unprotected(platform: Platform) -> bool:
    """Whether an open position that has a stop level has no stop in the book."""
    slots = [slot for actor in platform.desk.actors for slot in actor.account.slots.values()]
    return any(slot.held and slot.row[step.STOP] > 0 and not slot.row[step.RESTING] for slot in slots)


async def trade(selector: IdleSelector, config: dict[str, Any], plan: Plan) -> int:
    """Trade to the end of the candles, or to the end of this life."""
    fate = Fate(config["point"], config["count"])
    clock = VirtualClock()
    connection = open_store(place_named(config["database"]))
    journal = MortalJournal(connection)
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
        traces=[remote.trace(), mortal_trace(fate)],
        keep_alive_ms=FOREVER_MS,
        journal=journal,
        wrap_gateway=lambda gateway: MortalGateway(gateway, fate),
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
