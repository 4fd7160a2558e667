"""What status says of an account while it comes up: the real trading process before a venue over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.entrypoints.test_rungs import KEY, configured
from tests.entrypoints.trading_kit import on_one_clock
from tradepool.adapters.database.engine import dispose
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.entrypoints.standing import STARTING
from tradepool.presentation.status_page import StatusJson
from tradepool.simexchange.fault_kinds import Fault


def test_who_is_still_coming_up_is_not_compared_with_his_venue(tmp_path: Path) -> None:
    """His books may lack what happened while nobody listened: here even what he began with."""
    deployed, seen = configured(tmp_path, "live"), list[StatusJson]()

    async def run(selector: IdleSelector) -> None:
        trading, world, connection = await on_one_clock(tmp_path, deployed, selector)
        deaf = Fault(kind="code", code=-1000, route="WS userDataStream.subscribe*", account=KEY.key)
        fault = world.server.faults.add(deaf, world.venue.now_ms)
        running = asyncio.ensure_future(trading.run())

        async def look() -> None:
            asked = asyncio.ensure_future(trading._standing.status())
            await world.until(asked.done)
            seen.append(asked.result())

        try:
            await world.until(lambda: trading._standing.ready and trading._platform.desk.secured)
            await look()
            world.server.faults.remove(fault.number)
            await world.until(lambda: trading._platform.desk.up)
            await look()
        finally:
            trading._over.set()
            await world.until(running.done)
            await world.server.stop()
            dispose(connection)

    run_in_lock_step(run)
    (before,), (after,) = (status.accounts for status in seen)
    assert (before.difference, before.worries) == (None, [f"ann-main: its venue could not be compared: {STARTING}"])
    assert (after.difference, after.worries) == ({}, [])
