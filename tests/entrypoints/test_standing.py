"""What status says of an account while it comes up: the real trading process before a venue over real sockets."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from unittest import mock

from tests.contract.watch_kit import BTC, ETH, PRICES, SAFE, World
from tests.entrypoints.test_rungs import KEY, configured
from tests.simexchange.exchange_kit import bars, flat
from tradepool.adapters.database.engine import dispose
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.entrypoints.replay import connection_of
from tradepool.entrypoints.running import books_of
from tradepool.entrypoints.standing import STARTING
from tradepool.entrypoints.trading import Trading
from tradepool.presentation.status_page import StatusJson
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files
from tradepool.simexchange.venue import Venue


def test_who_is_still_coming_up_is_not_compared_with_his_venue(tmp_path: Path) -> None:
    """His books may lack what happened while nobody listened: here even what he began with."""
    deployed, files, seen = configured(tmp_path, "live"), make_tls_files(tmp_path), list[StatusJson]()

    async def run(selector: IdleSelector) -> None:
        venue = Venue([Listing(each, bars(flat(30, PRICES[each.base]))) for each in (BTC, ETH)], 0)
        venue.open_account(KEY.key, KEY.secret, {"USDT": Decimal(10_000)})
        venue.keys.allow(KEY.key, SAFE)
        server = Server(venue, UnixSocket(str(tmp_path / "v")), files.server_context())
        place, clock, connection = await server.start(), VirtualClock(venue.now_ms), books_of(deployed, "")
        with mock.patch("tradepool.entrypoints.trading.RealClock", return_value=clock):
            trading = Trading(deployed, connection, clock, connection_of(place, files), lambda seat: KEY)
        world = World(tmp_path, selector, server, venue, clock, [], trading._platform)
        deaf = Fault(kind="code", code=-1000, route="WS userDataStream.subscribe*", account=KEY.key)
        fault = server.faults.add(deaf, venue.now_ms)
        running = asyncio.ensure_future(trading.run())

        async def look() -> None:
            asked = asyncio.ensure_future(trading._standing.status())
            await world.until(asked.done)
            seen.append(asked.result())

        try:
            await world.until(lambda: trading._standing.ready and trading._platform.desk.secured)
            await look()
            server.faults.remove(fault.number)
            await world.until(lambda: trading._platform.desk.up)
            await look()
        finally:
            trading._over.set()
            await world.until(running.done)
            await server.stop()
            dispose(connection)

    run_in_lock_step(run)
    (before,), (after,) = (status.accounts for status in seen)
    assert (before.difference, before.worries) == (None, [f"ann-main: its venue could not be compared: {STARTING}"])
    assert (after.difference, after.worries) == ({}, [])
