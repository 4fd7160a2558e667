"""The store's downloader is a public client like any other: guarded for its own venue, paced by the venue's limits."""

from __future__ import annotations

import asyncio

import pytest

from tests.simexchange.exchange_kit import MINUTE, START, bars, market
from tradepool.adapters.exchanges.ccxt_candles import CandlesNotGiven, CcxtCandles
from tradepool.adapters.exchanges.guard import OffTheList
from tradepool.adapters.exchanges.transport import Transport
from tradepool.entrypoints.data_download import Venues
from tradepool.ports.candles import Series
from tradepool.ports.weights import Priority
from tradepool.runtime.clock import RealClock
from tradepool.simexchange.door import TcpPort
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files
from tradepool.simexchange.venue import Venue


def test_each_venue_is_reached_through_its_own_guard_and_waits_for_its_own_limits(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Before, every download went through a session that only reaches Binance."""
    tls = make_tls_files(tmp_path_factory.mktemp("tls"))
    rows = [(100.0, 101.0, 99.0, 100.0)] * 5
    venue = Venue([Listing(market(), bars(rows, range(5)))], 0)
    venue.step_bars(5)

    async def tell() -> None:
        server = Server(venue, TcpPort(), tls.server_context())
        place = await server.start()
        assert isinstance(place, TcpPort)
        venues = Venues(Transport(ca_file=tls.ca_file, loopback_port=place.port), RealClock())
        broker = venues.broker("binance")
        assert broker is not None
        here = CcxtCandles("binance", venues.session("binance"), RealClock(), broker)
        there = CcxtCandles("kraken", venues.session("kraken"), RealClock(), venues.broker("kraken"))
        try:
            series = Series.parse("binance:BTC/USDT@1m")
            await here.check(series)
            assert (await here.page(series, START)).open_time.tolist()[:2] == [START, START + MINUTE]
            waits = (await broker.snapshot()).waits
            assert [each.granted for each in waits if each.granted] == [waits[Priority.DATA].granted]
            assert (await broker.snapshot()).uses[0].used == 20 + 2
            assert (here.pause_s, there.pause_s) == (0.0, 1.0)
            # It leaves for Kraken's host, for which our venue has no certificate; Binance's session lets nobody go there.
            with pytest.raises(CandlesNotGiven, match=r"api\.kraken\.com/0/public/Time"):
                await there.time_ms()
            astray = CcxtCandles("kraken", venues.session("binance"), RealClock())
            with pytest.raises(OffTheList):
                await astray.time_ms()
            await astray.close()
        finally:
            await here.close()
            await there.close()
            await venues.close()
            await server.stop()

    asyncio.run(tell())


def test_a_venue_of_derivatives_keeps_its_own_kind_of_market() -> None:
    """The client that trades is spot only; candles are stored of whatever the venue has."""

    async def tell() -> None:
        venues = Venues(Transport(), RealClock())
        options = {}
        for venue in ("binance", "binanceusdm", "bybit"):
            candles = CcxtCandles(venue, venues.session(venue), RealClock())
            options[venue] = candles.client.options
            await candles.close()
        await venues.close()
        assert options["binance"]["fetchMarkets"]["types"] == ["spot"]
        assert options["binanceusdm"]["defaultType"] != "spot"
        assert options["bybit"]["fetchMarkets"]["types"] != ["spot"]

    asyncio.run(tell())
