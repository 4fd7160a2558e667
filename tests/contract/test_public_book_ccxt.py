"""The streams of a book, and a market whose book and prints are pushed in, through ccxt.pro (cases C-229 to C-231, C-235)."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.contract.ccxt_kit import Exchange
from tests.contract.market_kit import (
    BEGIN,
    BTC,
    MINUTE,
    WIRE,
    Event,
    Play,
    Row,
    collect,
    levels,
    model_venue,
    watched,
)
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.market_model import model_market
from tradepool.simexchange.venue import Venue


def test_c229(play: Play) -> None:
    """C-229: watch_order_book follows the book through moves and through orders that take from it."""
    venue = model_venue(40)

    async def story(running: Exchange) -> None:
        client = running.client()
        await client.load_markets()
        book = await watched(running, client.watch_order_book(BTC))
        for _ in range(20):
            watching = asyncio.ensure_future(client.watch_order_book(BTC))
            venue.step()
            book = await watching
            rest = await client.public_get_depth({"symbol": "BTCUSDT", "limit": 1000})
            assert client.orderbooks[BTC]["nonce"] == rest["lastUpdateId"]
            assert (levels(book["bids"]), levels(book["asks"])) == (levels(rest["bids"]), levels(rest["asks"]))
        watching = asyncio.ensure_future(client.watch_order_book(BTC))
        await client.create_order(BTC, "market", "sell", Decimal(1))
        assert levels((await watching)["bids"]) == levels(
            (await client.public_get_depth({"symbol": "BTCUSDT"}))["bids"]
        )

    play(venue, story)


@pytest.mark.parametrize("stream", ["depth", "depth@100ms"])
def test_c230(play: Play, stream: str) -> None:
    """C-230: a slow reader loses no difference: ids follow each other and lead from any REST book to the last one."""
    venue = model_venue(200)

    async def story(running: Exchange) -> None:
        client, asked = running.client(), {"symbol": "BTCUSDT", "limit": 5000}
        books: list[Event] = []
        async with running.session.ws_connect(f"{WIRE}/ws/btcusdt@{stream}") as socket:
            await running.until(lambda: running.server.subscriptions_open)
            for number in range(150):
                venue.step()
                if number % 20 == 0:
                    await client.create_order(BTC, "market", "buy", Decimal("0.5"))
                if number % 30 == 7:
                    books.append(await client.public_get_depth(asked))
            events = [await socket.receive_json() for _ in range(running.server.frames)]
        assert all(two["U"] == one["u"] + 1 <= two["u"] for one, two in pairwise(events))
        last = await client.public_get_depth(asked)
        for book in books:
            left = [event for event in events if event["u"] > book["lastUpdateId"]]
            assert left[0]["U"] <= book["lastUpdateId"] + 1 <= left[0]["u"]
            for side, key in (("bids", "b"), ("asks", "a")):
                built = levels(book[side])
                for event in left:
                    built |= levels(event[key])
                assert {price: size for price, size in built.items() if size} == levels(last[side])

    play(venue, story)


def test_c231(play: Play) -> None:
    """C-231: the partial books are the best levels of the book at that moment."""
    venue = model_venue(30)
    names = [f"btcusdt@depth{count}{speed}" for count in (5, 10, 20) for speed in ("", "@100ms")]

    async def story(running: Exchange) -> None:
        client = running.client(None)
        events = await collect(running, names, venue.step)
        assert {event["stream"] for event in events} == set(names)
        whole = await client.public_get_depth({"symbol": "BTCUSDT", "limit": 100})
        for event in events[-len(names) :]:
            count = int(event["stream"].removeprefix("btcusdt@depth").partition("@")[0])
            assert event["data"] == {
                "lastUpdateId": whole["lastUpdateId"], "bids": whole["bids"][:count], "asks": whole["asks"][:count],
            }  # fmt: skip

    play(venue, story)


def test_c235(play: Play) -> None:
    """C-235: a mirrored market, to which book and prints are pushed, has candles, tape, tickers and depth as any other."""
    market = model_market(BTC)
    venue = Venue([Listing(market)], show_forming=True)
    tick, pushes = market.price_tick, [(60_000_00 + n * n % 97, 1_000 + n, 20_000 * n) for n in range(60)]

    def push(first: int, last: int) -> None:
        for ticks, steps, after in pushes[first:last]:
            bids, asks = ([(ticks + way * n, steps) for n in range(1, 9)] for way in (-1, 1))
            venue.push_book("BTCUSDT", bids, asks, BEGIN + after)
            venue.push_trade("BTCUSDT", ticks, steps, BEGIN + after, buyer_is_maker=bool(ticks % 2))

    def rows(count: int) -> list[Row]:
        made: dict[int, list[tuple[int, int]]] = {}
        for ticks, steps, after in pushes[:count]:
            made.setdefault((BEGIN + after) // MINUTE * MINUTE, []).append((ticks, steps))
        return [
            [start, each[0][0] * tick, max(each)[0] * tick, min(each)[0] * tick, each[-1][0] * tick,
             sum(steps for _, steps in each) * market.quantity_step]
            for start, each in made.items()
        ]  # fmt: skip

    async def story(running: Exchange) -> None:
        client = running.client(None)
        assert await client.fetch_ohlcv(BTC) == []
        push(0, 10)
        events = await collect(running, ["btcusdt@kline_1m", "btcusdt@trade", "btcusdt@depth"], lambda: push(10, 60))
        assert await client.fetch_ohlcv(BTC) == rows(60)
        closed = [event["data"]["k"] for event in events if event["data"].get("k", {}).get("x")]
        assert [each["t"] for each in closed] == [row[0] for row in rows(60)[3:-1]]
        told = [event["data"] for event in events if event["data"]["e"] == "trade"]
        assert [(each["t"], Decimal(each["p"])) for each in told] == [
            (n + 1, pushes[n][0] * tick) for n in range(10, 60)
        ]
        depth = [event["data"] for event in events if event["data"]["e"] == "depthUpdate"]
        assert all(two["U"] == one["u"] + 1 for one, two in pairwise(depth))
        ticker = await client.fetch_ticker(BTC)
        assert (ticker["open"], ticker["high"]) == (rows(1)[0][1], max(row[2] for row in rows(60)))
        assert ticker["bid"] == pushes[-1][0] * tick - tick

    play(venue, story)
