"""A scenario's events, carried out through the control door's own routes when their virtual time comes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from tradepool.domain.errors import TradepoolError
from tradepool.ports.clock import Clock
from tradepool.simexchange.gate_control import GateControl
from tradepool.simexchange.scenario import Moment
from tradepool.simexchange.venue import Venue


class Moments:
    """Waits and does; `failed` says what could not be done."""

    def __init__(self, venue: Venue, clock: Clock, moments: Sequence[Moment]) -> None:
        """Nothing is done before `begin`."""
        self._venue, self._clock = venue, clock
        self._moments = sorted(moments, key=lambda moment: moment.at_ms)
        self._table = GateControl(venue).table
        self._task: asyncio.Task[None] | None = None
        self.done = 0
        self.failed: list[str] = []

    def begin(self, start_ms: int) -> None:
        """Times count from here (virtual)."""
        if self._moments:
            self._task = asyncio.get_running_loop().create_task(self._run(start_ms))

    async def close(self) -> None:
        """Do no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, start_ms: int) -> None:
        for moment in self._moments:
            await self._clock.sleep((start_ms + moment.at_ms - self._clock.now_ms()) / 1000)
            try:
                self._table["POST", moment.route](msgspec.json.encode(self._named(moment)))
            except (TradepoolError, msgspec.MsgspecError) as error:
                self.failed.append(f"{moment.route} at {moment.at_ms} ms: {error}")
            else:
                self.done += 1

    def _named(self, moment: Moment) -> dict[str, object]:
        """The words with the account's first key in place of its number."""
        words = dict(moment.words)
        for account in self._venue.accounts.values():
            if words.get("account") == str(account.index + 1):
                words["account"] = account.key
        return words
