"""The trading process gathers trades once in 24 h: by a process of its own, so that no candle ever waits for it."""

from __future__ import annotations

import asyncio
import sys

from sqlalchemy import Connection

from tradepool.adapters.database.engine import StoreUnusable
from tradepool.adapters.database.pool import DatabasePool
from tradepool.domain.errors import InvalidInput
from tradepool.entrypoints.deployment import Deployed
from tradepool.ports.clock import Clock
from tradepool.presentation.formats import iso
from tradepool.runtime import telemetry
from tradepool.runtime.clock import RealClock
from tradepool.runtime.egress import passing

LOOK_S = 600.0
DAY_MS, FILE = 86_400_000, "pool/trades.parquet"

log = telemetry.logger(__name__)


class NotDue(InvalidInput):
    """Trades were gathered less than a day ago, and the next time is {due}; gather with --now to do it at once."""


def next_ms(deployed: Deployed) -> int:
    """When the next gathering is due: a day after the last one, which its file tells. The pool's own code is not loaded
    for that: it takes memory."""
    file = deployed.folder / FILE
    return file.stat().st_mtime_ns // 1_000_000 + DAY_MS if file.exists() else 0


def refuse_unless_due(deployed: Deployed) -> None:
    """Raise NotDue until then."""
    if RealClock().now_ms() < next_ms(deployed):
        raise NotDue(due=iso(next_ms(deployed)))


class DailyGathering:
    """Looks every ten minutes whether a day has passed, and gathers then if anybody consents or has withdrawn."""

    def __init__(self, deployed: Deployed, connection: Connection, clock: Clock) -> None:
        """`clock` is this machine's."""
        self._deployed, self._rows, self._clock = deployed, DatabasePool(connection), clock

    def due(self) -> bool:
        """Whether a gathering is due, and there is anything that could be gathered or has to leave: what is listed of somebody
        who consented to other words than those in force has to, too."""
        is_time = self._clock.now_ms() >= next_ms(self._deployed)
        return is_time and bool(self._rows.willing() or self._rows.tombstones() or self._rows.listed())

    async def run(self) -> None:
        """Until cancelled. What goes wrong is said and tried again; a day's trades are not lost by it."""
        while True:
            try:
                if self.due():
                    await self._gather()
            except (StoreUnusable, OSError) as error:
                log.error("trades are not gathered", error=str(error))
            await self._clock.sleep(LOOK_S)

    async def _gather(self) -> None:
        command = ("-m", "tradepool.entrypoints.cli", "pool", "gather", "--now", "--config", str(self._deployed.file))
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        with passing():
            child = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdin=nothing, stdout=pipe, stderr=pipe
            )
        try:
            said, complaint = await child.communicate()
        finally:
            if child.returncode is None:
                # A kill leaves nothing half done that the next one does not do.
                child.kill()
        if child.returncode:
            log.error("trades are not gathered", error=complaint.decode(errors="replace").strip()[-300:])
        else:
            log.info("trades gathered", result=said.decode(errors="replace").strip())
