"""The platform of a chaos run: `python -m tradepool.entrypoints.chaos.platform_process PLACE.json`.

It prints `ready`, then reads a line of JSON for each life, forks a process that lives it, and prints how that ended. All
is loaded once, so a life costs what a restart costs and no more; what dies is a process of its own all the same.
"""

from __future__ import annotations

import os
import sys
import traceback
from functools import partial
from pathlib import Path
from types import TracebackType

import aiohttp
import msgspec
import numpy as np
import structlog
from structlog.typing import EventDict

from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.exchanges.transport import Transport
from tradepool.core.account import account_step as step
from tradepool.domain.errors import KeyRefused, VenueError
from tradepool.domain.trade import Origin
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.chaos.place import GAVE_UP, Life, Place, read_place
from tradepool.entrypoints.chaos.plan import BAR_MS, START_MS
from tradepool.entrypoints.chaos.points import Fate, MortalGateway, MortalJournal, mortal_trace
from tradepool.entrypoints.chaos.together import Together
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.entrypoints.replay import FOREVER_MS, READ_EVERY_BARS, VENUE, Plan
from tradepool.entrypoints.wiring import Wiring
from tradepool.runtime.clock import VirtualClock
from tradepool.services.account_reads import Exposure


async def live(selector: IdleSelector, place: Place, plan: Plan, life: Life) -> None:
    """Start, trade to the end of the candles or of this life, stop."""
    connection = open_store(place.database, "NORMAL")
    control = aiohttp.ClientSession(connector=aiohttp.UnixConnector(place.control))
    async with control.get("http://venue/clock") as answer:
        clock = VirtualClock((await answer.json())["now_ms"])
    structlog.configure(processors=[partial(_timed, clock), *structlog.get_config()["processors"]])
    fate = Fate(life.point, life.count, place.diary, life.from_ms, life.by_ms, clock.now_ms)
    journal = MortalJournal(connection)
    journal.fate = fate
    wiring = Wiring(
        venue=VENUE,
        timeframe_ms=BAR_MS,
        transport=Transport(ca_file=place.ca_file, unix_socket=Path(place.venue)),
        clock=clock,
        connection=connection,
        strategies=plan.strategies(),
        seats=plan.seats(),
        origin=Origin.PRACTICE,
        traces=[mortal_trace(fate)],
        keep_alive_ms=FOREVER_MS,
        journal=journal,
        wrap_gateway=lambda gateway: MortalGateway(gateway, fate),
        watched=True,
        beside=True,
        together=True,
        read_every_ms=dict.fromkeys(Exposure, READ_EVERY_BARS * BAR_MS),
    )
    platform = Platform(wiring)
    together = Together(selector, control, clock, lambda: platform.desk.busy)
    together.on_idle = lambda: fate.pass_by("idle")
    together.on_exposed = lambda pairs: _judge(platform, plan, fate, pairs)
    await together.until(platform.start())
    await together.to_the_end()
    together.stop()
    halted = {a: repr(error) for a, error in platform.desk.halted.items() if not isinstance(error, KeyRefused)}
    fate.note({"ended": True, "halted": halted})
    await platform.stop()
    await control.close()
    dispose(connection)


def _timed(clock: VirtualClock, logger: object, method: str, event: EventDict) -> EventDict:
    """A line of the log with the virtual time, in seconds from the start."""
    event["at"] = (clock.now_ms() - START_MS) / 1_000
    return event


def _judge(platform: Platform, plan: Plan, fate: Fate, pairs: list[list[str]]) -> None:
    """What lacks its stop may be on its way out: then its sale is sent, or being looked up."""
    accounts = {seat.credentials.key: seat.account.id for seat in plan.seats()}
    actors = {actor.account.account.id: actor for actor in platform.desk.actors}
    for key, symbol, held, covered in pairs:
        actor = actors.get(accounts[key])
        slots = [] if actor is None else list(actor.account.slots.values())
        slot = next((each for each in slots if f"{each.market.base}{each.market.quote}" == symbol), None)
        if slot is None or slot.exit is None:
            halted = platform.desk.halted.get(accounts[key])
            stands = None if slot is None else {
                "entry": slot.entry, "stop": slot.stop, "exit": slot.exit, "after_cancel": slot.after_cancel,
                "row": slot.row, "level": slot.row[step.STOP], "orders": repr(actor.account.orders) if actor else "",
            }  # fmt: skip
            fate.note(
                {"unprotected": symbol, "account": accounts[key], "held": held, "covered": covered,
                 "now_ms": fate.now_ms(), "halted": repr(halted), "stands": stands}
            )  # fmt: skip


def fork(place: Place, plan: Plan, life: Life) -> int:
    """Live a life in a process of its own; how that ended: 0, 1 for an error (in the log), or less: the signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    # Whatever it raises is in the log, and the code says so: only this copy of the process ends.
    sys.excepthook = _ends
    log = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    np.seterr(all="raise")
    run_in_lock_step(lambda selector: live(selector, place, plan, life))
    os._exit(0)


def _ends(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    os._exit(GAVE_UP if isinstance(error, VenueError) and error.transient else 1)


def main() -> int:
    """Live one life after the other, as told."""
    place = read_place(Path(sys.argv[1]))
    plan = place.chaos.plan()
    print("ready", flush=True)
    for line in sys.stdin:
        print(fork(place, plan, msgspec.json.decode(line, type=Life)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
