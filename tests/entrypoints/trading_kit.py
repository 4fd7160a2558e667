"""A real trading process of one account before a venue over real sockets, all of it on the venue's clock."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

from sqlalchemy import Connection

from tests.contract.watch_kit import BTC, CASH, ETH, PRICES, SAFE, World
from tests.entrypoints.test_rungs import KEY
from tests.simexchange.exchange_kit import bars, flat
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.lock_step import IdleSelector
from tradepool.entrypoints.replay import connection_of
from tradepool.entrypoints.running import books_of
from tradepool.entrypoints.trading import Trading
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files
from tradepool.simexchange.venue import Venue


async def on_one_clock(folder: Path, deployed: Deployed, selector: IdleSelector) -> tuple[Trading, World, Connection]:
    """The process, which does not run yet, its world, whose server stands, and its books: both for the caller to end."""
    files = make_tls_files(folder)
    venue = Venue([Listing(each, bars(flat(30, PRICES[each.base]))) for each in (BTC, ETH)], 0)
    venue.open_account(KEY.key, KEY.secret, {"USDT": CASH})
    venue.keys.allow(KEY.key, SAFE)
    server = Server(venue, UnixSocket(str(folder / "v")), files.server_context())
    place, clock, connection = await server.start(), VirtualClock(venue.now_ms), books_of(deployed, "")
    with mock.patch("tradepool.entrypoints.trading.RealClock", return_value=clock):
        trading = Trading(deployed, connection, clock, connection_of(place, files), lambda seat: KEY)
    return trading, World(folder, selector, server, venue, clock, [], trading._platform), connection
