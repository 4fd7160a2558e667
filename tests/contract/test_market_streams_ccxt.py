"""Public market streams, through ccxt.pro's unmodified binance client and on the bare wire (cases C-220 to C-234)."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.contract.ccxt_kit import Exchange
from tests.contract.market_kit import (
    BEGIN,
    BTC,
    DAY,
    ETH,
    MINUTE,
    WIRE,
    Event,
    Play,
    all_prints,
    close_to,
    collect,
    model_venue,
    own_rows,
    piece,
    put_together,
    step_through,
    watched,
)


@pytest.mark.parametrize("gap_share", [0.0, 0.15])
def test_c220(play: Play, gap_share: float) -> None:
    """C-220: candles of every interval are streamed when they are over, each exactly once and as REST shows them."""
    venue = model_venue(900, gap_share=gap_share)
    names = {f"btcusdt@kline_{interval}": interval for interval in ("1m", "3m", "15m", "1h", "4h")}

    async def story(running: Exchange) -> None:
        events = await collect(running, [*names], step_through(venue))
        assert all(event["data"]["k"]["x"] for event in events)
        client = running.client(None)
        for name, interval in names.items():
            told = [event["data"] for event in events if event["stream"] == name]
            expected = put_together(own_rows(venue.markets[0]), interval, venue.now_ms)
            assert [each["k"]["t"] for each in told] == [row[0] for row in expected]
            assert all(each["E"] > each["k"]["T"] == piece(each["k"]["t"], interval)[1] - 1 for each in told)
            rows = await client.public_get_klines({"symbol": "BTCUSDT", "interval": interval, "limit": 1000})
            assert [[each["k"][key] for key in "tohlcvTqn"] for each in told] == [row[:9] for row in rows]

    play(venue, story)


def test_c221(play: Play) -> None:
    """C-221: where it is shown, the forming candle is told as it grows; the closed one still comes once."""
    venue = model_venue(40, show_forming=True)

    async def story(running: Exchange) -> None:
        events = await collect(running, ["btcusdt@kline_5m"], step_through(venue))
        klines = [event["data"]["k"] for event in events]
        closed = [each["t"] for each in klines if each["x"]]
        assert closed == [row[0] for row in put_together(own_rows(venue.markets[0]), "5m", venue.now_ms)]
        for one, two in pairwise(klines):
            assert two["t"] == one["t"] if not one["x"] else two["t"] > one["t"]
            if one["t"] == two["t"]:
                assert one["o"] == two["o"]
                assert Decimal(one["h"]) <= Decimal(two["h"])
                assert Decimal(one["l"]) >= Decimal(two["l"])
                assert Decimal(one["v"]) <= Decimal(two["v"])

    play(venue, story)


def test_c222(play: Play) -> None:
    """C-222: watch_ohlcv brings candles of an interval longer than the market's own."""
    venue = model_venue(60)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        await client.load_markets()
        rows = await watched(running, client.watch_ohlcv(BTC, "15m"))
        expected = put_together(own_rows(venue.markets[0]), "15m", venue.now_ms)
        assert [[Decimal(str(each)) for each in row[:5]] for row in rows] == [row[:5] for row in expected] != []

    play(venue, story)


def test_c223(play: Play) -> None:
    """C-223: the trade and aggTrade streams are the tape, in order, without a hole."""
    venue = model_venue(30)

    async def story(running: Exchange) -> None:
        events = await collect(running, ["btcusdt@trade", "btcusdt@aggTrade"], step_through(venue))
        client = running.client(None)
        tape = await client.public_get_aggtrades({"symbol": "BTCUSDT", "limit": 1000, "fromId": 1})
        for name, number in (("trade", "t"), ("aggTrade", "a")):
            told = [event["data"] for event in events if event["stream"].endswith(name)]
            assert [each["e"] for each in told] == [name] * len(told)
            assert [(each[number], *(each[key] for key in "pqTm")) for each in told] == [
                tuple(row[key] for key in "apqTm") for row in tape
            ]
            assert all(BEGIN <= each["T"] <= each["E"] for each in told)

    play(venue, story)


def test_c224(play: Play) -> None:
    """C-224: watch_trades brings what REST shows, and a user's own fills."""
    venue = model_venue(30)

    async def story(running: Exchange) -> None:
        client = running.client()
        await client.load_markets()
        prints = list(await watched(running, client.watch_trades(BTC)))
        assert {each["id"] for each in prints} <= {each["id"] for each in await all_prints(client)}
        watching = asyncio.ensure_future(client.watch_trades(BTC))
        order = await client.create_order(BTC, "market", "buy", Decimal("0.01"))
        own = (await watching)[-1]
        assert (own["side"], own["amount"], own["price"]) == ("buy", order["filled"], order["average"])

    play(venue, story)


def test_c225(play: Play) -> None:
    """C-225: the ticker streams of 24 hours equal the candles, in full and in short."""
    venue = model_venue(1_600)
    venue.step_bars(1_500)

    async def story(running: Exchange) -> None:
        events = await collect(running, ["btcusdt@ticker", "btcusdt@miniTicker"], lambda: venue.step_bars(1))
        turn = [event["data"] for event in events if event["data"]["E"] == venue.now_ms]
        day = [row for row in own_rows(venue.markets[0]) if row[0] >= venue.now_ms - DAY]
        for ticker, kind in zip(turn[:2], ("24hrTicker", "24hrMiniTicker"), strict=True):
            assert ticker["e"] == kind
            assert [Decimal(ticker[key]) for key in "ohlc"] == [
                day[0][1], max(row[2] for row in day), min(row[3] for row in day), day[-1][4],
            ]  # fmt: skip
            assert close_to(Decimal(ticker["v"]), sum(row[5] for row in day))
        rest = await running.client(None).public_get_ticker_24hr({"symbol": "BTCUSDT"})
        names = {
            "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice",
            "c": "lastPrice", "Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty",
            "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume", "O": "openTime",
            "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count",
        }  # fmt: skip
        assert {name: turn[0][key] for key, name in names.items()} == {name: rest[name] for name in names.values()}

    play(venue, story)


def test_c226(play: Play) -> None:
    """C-226: watch_ticker and watch_tickers, of one market, of some, of all."""
    venue = model_venue(60)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        await client.load_markets()
        ticker = await watched(running, client.watch_ticker(BTC))
        assert (ticker["symbol"], ticker["last"]) == (BTC, (await client.fetch_ticker(BTC))["last"])
        full = await watched(running, client.watch_ticker(ETH, {"name": "ticker"}))
        assert full["bid"] < full["last"] < full["ask"]
        some = await watched(running, client.watch_tickers([BTC, ETH]))
        assert set(some) <= {BTC, ETH}
        every = await watched(running, client.watch_tickers())
        assert sorted(every) == [BTC, ETH]

    play(venue, story)


def test_c227(play: Play) -> None:
    """C-227: the streams of all markets carry each market that moved, once a moment."""
    venue = model_venue(30)
    names = ["!miniTicker@arr", "!ticker@arr", "!bookTicker"]

    async def story(running: Exchange) -> None:
        events = await collect(running, names, lambda: venue.step_bars(2))
        for name in names[:2]:
            arrays = [event["data"] for event in events if event["stream"] == name]
            assert arrays
            assert {each["s"] for array in arrays for each in array} == {"BTCUSDT", "ETHUSDT"}
        best = [event["data"] for event in events if event["stream"] == "!bookTicker"]
        assert {each["s"] for each in best} == {"BTCUSDT", "ETHUSDT"}

    play(venue, story)


def test_c228(play: Play) -> None:
    """C-228: watch_bids_asks brings the best prices with what is offered there."""
    venue = model_venue(30)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        await client.load_markets()
        best = (await watched(running, client.watch_bids_asks([BTC])))[BTC]
        now = (await client.fetch_bids_asks([BTC]))[BTC]
        keys = ("bid", "bidVolume", "ask", "askVolume")
        assert [best[key] for key in keys] == [now[key] for key in keys]

    play(venue, story)


def test_c232(play: Play) -> None:
    """C-232: a connection is told its streams, changes them, and says how events are wrapped."""
    venue = model_venue(60)

    async def story(running: Exchange) -> None:
        async with running.session.ws_connect(f"{WIRE}/ws/btcusdt@trade/!ticker@arr") as socket:

            async def ask(method: str, *params: object) -> Event:
                await socket.send_json({"method": method, "params": params, "id": 7})
                answer: Event = await socket.receive_json()
                assert answer.pop("id") == 7
                return answer

            assert await ask("LIST_SUBSCRIPTIONS") == {"result": ["btcusdt@trade", "!ticker@arr"]}
            assert await ask("UNSUBSCRIBE", "btcusdt@trade", "!ticker@arr") == {"result": None}
            assert await ask("SUBSCRIBE", "ethusdt@kline_1m") == {"result": None}
            assert await ask("LIST_SUBSCRIPTIONS") == {"result": ["ethusdt@kline_1m"]}
            assert await ask("GET_PROPERTY", "combined") == {"result": False}
            venue.step()
            assert (await socket.receive_json())["e"] == "kline"
            assert await ask("SET_PROPERTY", "combined", True) == {"result": None}
            assert await ask("GET_PROPERTY", "combined") == {"result": True}
            venue.step()
            assert (await socket.receive_json())["stream"] == "ethusdt@kline_1m"
            for method, *params in (
                ("SET_PROPERTY", "colour", True), ("SET_PROPERTY", "combined", "yes"), ("SUBSCRIBE", "btcusdt@kline_1s"),
                ("SUBSCRIBE", "btcusdt@depth7"), ("SUBSCRIBE", "BTCUSDT@trade"), ("SUBSCRIBE", 5),
            ):  # fmt: skip
                assert "error" in await ask(method, *params)

    play(venue, story)


def test_c233(play: Play) -> None:
    """C-233: the ForSymbols variants of ccxt serve two markets on one connection."""
    venue = model_venue(60)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        await client.load_markets()
        prints = await watched(running, client.watch_trades_for_symbols([BTC, ETH]))
        assert {each["symbol"] for each in prints} <= {BTC, ETH}
        book = await watched(running, client.watch_order_book_for_symbols([BTC, ETH]))
        assert book["symbol"] in (BTC, ETH)
        rows = await watched(running, client.watch_ohlcv_for_symbols([[BTC, "5m"], [ETH, "5m"]]))
        assert all(set(frames) == {"5m"} for frames in rows.values())

    play(venue, story)


def test_c234(play: Play) -> None:
    """C-234: what nobody reads is not made: without readers of public data time runs to the end in one step."""
    venue = model_venue(60)

    async def story(running: Exchange) -> None:
        async with running.session.ws_connect(f"{WIRE}/ws/btcusdt@kline_15m") as socket:
            await running.until(lambda: running.server.subscriptions_open)
            assert venue.step()
            assert (await socket.receive_json())["k"]["i"] == "15m"
            assert (venue.now_ms, running.server.frames) == (BEGIN + 15 * MINUTE, 1)
            await socket.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@kline_15m"], "id": 1})
            assert (await socket.receive_json())["id"] == 1
            assert not venue.step()
            assert running.server.frames == 1

    play(venue, story)
