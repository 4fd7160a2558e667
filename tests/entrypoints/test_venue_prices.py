"""Closes of minutes and the bids for a lot, through the real client, from a venue of ours over HTTPS."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from tests.contract.watch_kit import BTC
from tests.entrypoints.test_rungs import configured
from tests.simexchange.exchange_kit import MINUTE, START, bars
from tradepool.core.commission.recorded import Recorded
from tradepool.domain.ids import MarketId
from tradepool.entrypoints.replay import connection_of
from tradepool.entrypoints.venue_prices import _bid, _closes
from tradepool.entrypoints.venue_way import Way
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files
from tradepool.simexchange.venue import Venue

# Minutes 6 to 8 and 10 to 39 were never made.
MADE = [0, 1, 2, 3, 4, 5, 9, 40]


def test_each_minute_has_the_last_close_before_its_end(tmp_path: Path) -> None:
    """In its minute, some minutes old, hours old, or none: before the first candle, and on a market nobody lists."""
    deployed, files = configured(tmp_path, "live"), make_tls_files(tmp_path)
    asked = {n: (BTC.id, START + n * MINUTE) for n in (-1, 0, 5, 8, 9, 30)}
    unlisted = (MarketId("binance:NONE/USDT"), START)

    async def run() -> None:
        rows = [(100.0 + n, 100.0 + n, 100.0 + n, 100.0 + n) for n in MADE]
        venue = Venue([Listing(BTC, bars(rows, MADE))], 0)
        venue.step_bars(len(MADE))
        server = Server(venue, UnixSocket(str(tmp_path / "v")), files.server_context())
        place = await server.start()
        way: Way = (VirtualClock(venue.now_ms), connection_of(place, files))
        try:
            found = await _closes(deployed, way, {*asked.values(), unlisted})
            bid = await _bid(deployed, way, BTC.id, Decimal("0.5"))
        finally:
            await server.stop()
        closes = {n: found[minute] for n, minute in asked.items()}
        assert closes == {
            -1: Recorded(None),
            0: Recorded(Decimal(100)),
            5: Recorded(Decimal(105)),
            8: Recorded(Decimal(105), 180),
            9: Recorded(Decimal(109)),
            30: Recorded(Decimal(109), closes[30].age_s),
        }
        assert 20 * 60 <= closes[30].age_s <= 26 * 60
        assert found[unlisted] == Recorded(None)
        # Its book is as deep as anybody wants, at the last price.
        assert bid == 140

    asyncio.run(run())
