"""Public market data through python-binance, another unmodified client (cases C-236 to C-239)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from binance import DepthCacheManager

from tests.contract.binance_kit import Desk, desk, run
from tests.contract.market_kit import BEGIN, MINUTE, levels, model_venue, own_rows, put_together
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

Play = Callable[[Venue, Callable[[Desk], Awaitable[None]]], None]


@pytest.fixture
def play(files: TlsFiles) -> Play:
    """A function that runs a story against a venue."""

    def tell(venue: Venue, story: Callable[[Desk], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with desk(venue, files) as running:
                await asyncio.wait_for(story(running), 60)

        run(whole)

    return tell


def test_rest(play: Play) -> None:
    """C-236: candles, book, prints and tickers by REST."""
    venue = model_venue(400)
    venue.step_bars(300)

    async def story(at: Desk) -> None:
        client = at.client
        expected = [row[0] for row in put_together(own_rows(venue.markets[0]), "5m", venue.now_ms)]
        pages = [row async for row in await client.get_historical_klines_generator("BTCUSDT", "5m", BEGIN, limit=7)]
        assert [row[0] for row in pages] == expected
        book = await client.get_order_book(symbol="BTCUSDT", limit=5)
        ticker = await client.get_ticker(symbol="BTCUSDT")
        assert (ticker["bidPrice"], ticker["askPrice"]) == (book["bids"][0][0], book["asks"][0][0])
        assert (await client.get_symbol_ticker(symbol="BTCUSDT"))["price"] == ticker["lastPrice"]
        assert [each["symbol"] for each in await client.get_orderbook_tickers()] == ["BTCUSDT", "ETHUSDT"]
        assert (await client.get_avg_price(symbol="BTCUSDT"))["mins"] == 5
        recent = await client.get_recent_trades(symbol="BTCUSDT", limit=10)
        old = await client.get_historical_trades(symbol="BTCUSDT", fromId=recent[0]["id"], limit=10)
        assert recent == old
        start = BEGIN + 290 * MINUTE
        prints = [each async for each in client.aggregate_trade_iter("BTCUSDT", start_str=start)]
        assert [each["a"] for each in prints] == [*range(prints[0]["a"], recent[-1]["id"] + 1)]
        assert prints[0]["T"] == start

    play(venue, story)


async def told(at: Desk, socket: Any, count: int, move: Callable[[], object]) -> list[Any]:
    """The first frames of a socket after something moves."""
    async with socket as stream:
        await at.until(lambda: at.server.subscriptions_open)
        move()
        return [await stream.recv() for _ in range(count)]


def test_streams(play: Play) -> None:
    """C-237: candles, prints, tickers and best prices by streams, alone and together."""
    venue = model_venue(200)

    async def story(at: Desk) -> None:
        streams = at.streams
        (kline,) = await told(at, streams.kline_socket("BTCUSDT", "15m"), 1, lambda: venue.step_bars(15))
        assert (kline["k"]["t"], kline["k"]["x"]) == (BEGIN, True)
        prints = await told(at, streams.trade_socket("BTCUSDT"), 25, lambda: venue.step_bars(1))
        assert [each["t"] for each in prints] == [*range(prints[0]["t"], prints[0]["t"] + 25)]
        (ticker,) = await told(at, streams.symbol_ticker_socket("ETHUSDT"), 1, lambda: venue.step_bars(1))
        assert Decimal(ticker["l"]) <= Decimal(ticker["c"]) <= Decimal(ticker["h"])
        for socket in (streams.ticker_socket(), streams.miniticker_socket()):
            (every,) = await told(at, socket, 1, lambda: venue.step_bars(1))
            assert [each["s"] for each in every] == ["BTCUSDT", "ETHUSDT"]
        names = ["btcusdt@bookTicker", "ethusdt@aggTrade"]
        frames = await told(at, streams.multiplex_socket(names), 8, lambda: venue.step_bars(1))
        assert {frame["stream"] for frame in frames} <= set(names)

    play(venue, story)


def test_depth_cache(play: Play) -> None:
    """C-238: its depth cache, made of a REST book and differences, equals the venue's book."""
    venue = model_venue(100)

    async def story(at: Desk) -> None:
        async with DepthCacheManager(at.client, symbol="BTCUSDT", limit=1000) as manager:
            for number in range(12):
                # Signed calls go by a clock that stands still: the order comes first.
                if number:
                    venue.step()
                else:
                    await at.client.order_market_buy(symbol="BTCUSDT", quantity="1")
                cache = await manager.recv()
                rest = await at.client.get_order_book(symbol="BTCUSDT", limit=1000)
                assert cache.update_time == venue.now_ms
                assert levels(cache.get_bids()) == levels(rest["bids"])
                assert levels(cache.get_asks()) == levels(rest["asks"])

    play(venue, story)


def test_partial_depth(play: Play) -> None:
    """C-239: its partial books are the best levels."""
    venue = model_venue(100)

    async def story(at: Desk) -> None:
        (book,) = await told(at, at.streams.depth_socket("BTCUSDT", depth="5"), 1, venue.step)
        rest = await at.client.get_order_book(symbol="BTCUSDT", limit=5)
        assert (book["bids"], book["asks"]) == (rest["bids"], rest["asks"])

    play(venue, story)
