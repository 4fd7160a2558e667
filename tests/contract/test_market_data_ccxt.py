"""Public market data over REST, through ccxt.pro's unmodified binance client (cases C-201 to C-213, C-218 and C-219)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from tests.contract.ccxt_kit import Exchange
from tests.contract.market_kit import (
    BTC,
    DAY,
    ETH,
    HOUR,
    LENGTHS,
    MINUTE,
    Play,
    all_prints,
    close_to,
    model_venue,
    own_rows,
    piece,
    put_together,
)


@pytest.mark.parametrize(
    ("timeframe_ms", "count", "intervals"),
    [
        pytest.param(MINUTE, 5_000, [*LENGTHS][:12], id="from minutes"),
        pytest.param(HOUR, 24 * 100, [*[*LENGTHS][5:], "1w", "1M"], id="from hours"),
    ],
)
@pytest.mark.parametrize("gap_share", [0.0, 0.1])
def test_c201(play: Play, timeframe_ms: int, count: int, intervals: list[str], gap_share: float) -> None:
    """C-201: candles of every interval equal those put together by hand, over holes too."""
    venue = model_venue(count, timeframe_ms, gap_share=gap_share)
    venue.step_bars(len(venue.markets[0].open_time) - 8)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        for symbol, market in zip((BTC, ETH), venue.markets, strict=True):
            for interval in intervals:
                rows = await client.fetch_ohlcv(symbol, interval, limit=1000)
                expected = put_together(own_rows(market), interval, venue.now_ms)[-1000:]
                assert rows, interval
                assert [row[:5] for row in rows] == [row[:5] for row in expected], interval
                assert all(close_to(one[5], two[5]) for one, two in zip(rows, expected, strict=True)), interval
                raw = await client.public_get_klines({"symbol": market.symbol, "interval": interval, "limit": 1000})
                assert [int(row[6]) + 1 for row in raw] == [piece(row[0], interval)[1] for row in expected]
                assert all(close_to(Decimal(one[7]), two[6]) for one, two in zip(raw, expected, strict=True))

    play(venue, story)


def test_c202(play: Play) -> None:
    """C-202: an interval that the market's candles cannot make is refused with -1120."""
    venue = model_venue(50, 5 * MINUTE)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        for interval in ("1s", "1m", "3m"):
            with pytest.raises(ccxt.pro.BadRequest, match="-1120"):
                await client.fetch_ohlcv(BTC, interval)
        with pytest.raises(ccxt.pro.BadRequest, match="-1120"):
            await client.public_get_klines({"symbol": "BTCUSDT", "interval": "7m"})

    play(venue, story)


def test_c203(play: Play) -> None:
    """C-203: where it is shown, the forming candle is the last row and agrees with the prints so far."""
    venue = model_venue(60, show_forming=True)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        await running.session.ws_connect("https://stream.binance.com/ws/btcusdt@trade")
        for _ in range(40):
            venue.step()
            rows = await client.fetch_ohlcv(BTC, "15m")
            prints = [each for each in await all_prints(client) if each["timestamp"] >= rows[-1][0]]
            prices = [each["price"] for each in prints]
            assert rows[-1] == [
                piece(venue.now_ms, "15m")[0], prices[0], max(prices), min(prices), prices[-1],
                sum(each["amount"] for each in prints),
            ]  # fmt: skip

    play(venue, story)


def test_c204(play: Play) -> None:
    """C-204: candles fetched page by page from a time are all candles, each once."""
    venue = model_venue(2_000, gap_share=0.1)
    venue.step_bars(1_500)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        for interval, limit in (("1m", 400), ("5m", 70), ("1h", 5)):
            expected = [row[0] for row in put_together(own_rows(venue.markets[0]), interval, venue.now_ms)]
            times: list[int] = []
            while rows := await client.fetch_ohlcv(BTC, interval, times[-1] + 1 if times else 0, limit):
                assert len(rows) <= limit
                times += [row[0] for row in rows]
            assert times == expected
            middle = expected[len(expected) // 2]
            until = await client.fetch_ohlcv(BTC, interval, limit=3, params={"until": middle})
            assert [row[0] for row in until] == expected[len(expected) // 2 - 2 : len(expected) // 2 + 1]
            between = await client.fetch_ohlcv(BTC, interval, expected[1], 100, {"until": expected[4]})
            assert [row[0] for row in between] == expected[1:5]

    play(venue, story)


def test_c205(play: Play) -> None:
    """C-205: a candle that is not over is not shown by default, whatever the interval."""
    venue = model_venue(200)
    venue.step_bars(100)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        for interval in ("1m", "5m", "1h"):
            rows = await client.fetch_ohlcv(BTC, interval)
            assert piece(rows[-1][0], interval)[1] <= venue.now_ms
        assert await client.fetch_ohlcv(BTC, "1d") == []

    play(venue, story)


def test_c206(play: Play) -> None:
    """C-206: uiKlines are the klines."""
    venue = model_venue(100)
    venue.step_bars(60)

    async def story(running: Exchange) -> None:
        client, asked = running.client(None), {"symbol": "ETHUSDT", "interval": "15m"}
        assert await client.public_get_uiklines(asked) == await client.public_get_klines(asked) != []

    play(venue, story)


def test_c207(play: Play) -> None:
    """C-207: the 24 h ticker equals the candles of the last 24 hours."""
    venue = model_venue(3_000)
    venue.step_bars(2_500)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        ticker = await client.fetch_ticker(BTC)
        rows = own_rows(venue.markets[0])
        day = [row for row in rows if row[0] >= venue.now_ms - DAY]
        assert len(day) == 1440
        assert (ticker["open"], ticker["high"], ticker["low"], ticker["last"]) == (
            day[0][1], max(row[2] for row in day), min(row[3] for row in day), day[-1][4],
        )  # fmt: skip
        assert close_to(ticker["baseVolume"], sum(row[5] for row in day))
        assert close_to(ticker["quoteVolume"], sum(row[6] for row in day))
        assert (ticker["timestamp"], ticker["info"]["openTime"]) == (venue.now_ms, venue.now_ms - DAY)
        assert ticker["change"] == ticker["last"] - ticker["open"]
        assert abs(ticker["percentage"] - 100 * ticker["change"] / ticker["open"]) <= Decimal("0.001")
        assert Decimal(ticker["info"]["prevClosePrice"]) == rows[-1441][4]
        info = ticker["info"]
        book = await client.public_get_depth({"symbol": "BTCUSDT", "limit": 1})
        assert (book["bids"], book["asks"]) == (
            [[info["bidPrice"], info["bidQty"]]], [[info["askPrice"], info["askQty"]]],
        )  # fmt: skip
        assert info["count"] == info["lastId"] - info["firstId"] + 1
        assert info["lastId"] == (await client.public_get_trades({"symbol": "BTCUSDT", "limit": 1}))[0]["id"]

    play(venue, story)


def test_c208(play: Play) -> None:
    """C-208: tickers of one, of many and of all markets, in full and in short."""
    venue = model_venue(100)
    venue.step_bars(50)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        every = await client.fetch_tickers()
        assert sorted(every) == [BTC, ETH]
        assert (await client.fetch_tickers([ETH]))[ETH]["info"] == every[ETH]["info"]
        assert (await client.fetch_ticker(ETH))["info"] == every[ETH]["info"]
        short = await client.public_get_ticker_24hr({"symbol": "ETHUSDT", "type": "MINI"})
        assert set(short) < set(every[ETH]["info"])
        assert short.items() <= every[ETH]["info"].items()
        with pytest.raises(ccxt.pro.BadSymbol):
            await client.public_get_ticker_24hr({"symbol": "NOPE"})

    play(venue, story)


def test_c209(play: Play) -> None:
    """C-209: last prices and best prices are the market's, and agree with the book."""
    venue = model_venue(100)
    venue.step_bars(50)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        prices = await client.fetch_last_prices()
        best = await client.fetch_bids_asks()
        for symbol, market in zip((BTC, ETH), venue.markets, strict=True):
            assert prices[symbol]["price"] == (market.price or 0) * market.market.price_tick
            book = await client.public_get_depth({"symbol": market.symbol, "limit": 5})
            assert [best[symbol]["bid"], best[symbol]["bidVolume"]] == [*map(Decimal, book["bids"][0])]
            assert [best[symbol]["ask"], best[symbol]["askVolume"]] == [*map(Decimal, book["asks"][0])]
            assert best[symbol]["bid"] < prices[symbol]["price"] < best[symbol]["ask"]

    play(venue, story)


def test_c210(play: Play) -> None:
    """C-210: a ticker of any window, and of the day since midnight, equals its candles."""
    venue = model_venue(900)
    venue.step_bars(800)

    async def story(running: Exchange) -> None:
        client, rows = running.client(None), own_rows(venue.markets[0])
        asked = {"symbol": "BTCUSDT"}
        for size, since in (
            ("5m", venue.now_ms - 5 * MINUTE), ("2h", venue.now_ms - 2 * HOUR), ("1d", venue.now_ms - DAY),
        ):  # fmt: skip
            check(await client.public_get_ticker(asked | {"windowSize": size}), rows, since)
        check(await client.public_get_ticker_tradingday(asked), rows, piece(venue.now_ms, "1d")[0])
        for size in ("60m", "24h", "8d", "0m", "day"):
            with pytest.raises(ccxt.pro.BadRequest):
                await client.public_get_ticker(asked | {"windowSize": size})

    def check(ticker: dict[str, str], rows: list[list[Any]], since: int) -> None:
        seen = [row for row in rows if row[0] >= since]
        assert Decimal(ticker["openPrice"]) == seen[0][1]
        assert Decimal(ticker["highPrice"]) == max(row[2] for row in seen)
        assert close_to(Decimal(ticker["volume"]), sum(row[5] for row in seen))

    play(venue, story)


def test_c211(play: Play) -> None:
    """C-211: the average price of five minutes is weighted by volume."""
    venue = model_venue(100)
    venue.step_bars(50)

    async def story(running: Exchange) -> None:
        answer = await running.client(None).public_get_avgprice({"symbol": "BTCUSDT"})
        rows = own_rows(venue.markets[0])[-5:]
        expected = sum(row[6] for row in rows) / sum(row[5] for row in rows)
        assert (answer["mins"], answer["closeTime"]) == (5, venue.now_ms)
        assert close_to(Decimal(answer["price"]), expected)

    play(venue, story)


def test_c212(play: Play) -> None:
    """C-212: the book has as many levels as asked for, best first, and is never crossed."""
    venue = model_venue(100)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        for limit, levels in ((5, 5), (20, 20), (100, 30), (5_000, 30)):
            venue.step_bars(3)
            book = await client.fetch_order_book(ETH, limit)
            bids, asks = ([level[0] for level in book[side]] for side in ("bids", "asks"))
            assert len(bids) == len(asks) == levels
            assert bids == sorted(set(bids), reverse=True)
            assert asks == sorted(set(asks))
            assert bids[0] < asks[0]
            assert all(level[1] > 0 for level in (*book["bids"], *book["asks"]))
            assert book["nonce"] == venue.markets[1].book_updates

    play(venue, story)


def test_c213(play: Play) -> None:
    """C-213: an order that takes from the book is missing in it, and the book says that it changed."""
    venue = model_venue(100)

    async def story(running: Exchange) -> None:
        client = running.client()
        asked = {"symbol": "BTCUSDT"}
        before = await client.public_get_depth(asked)
        (first, size), (second, more) = before["asks"][:2]
        order = await client.create_order(BTC, "market", "buy", Decimal(size) + Decimal("0.00001"))
        after = await client.public_get_depth(asked)
        assert after["lastUpdateId"] > before["lastUpdateId"]
        assert after["asks"][0] == [second, f"{Decimal(more) - Decimal('0.00001'):.8f}"]
        assert (after["asks"][1:], after["bids"]) == (before["asks"][2:], before["bids"])
        assert [fill["price"] for fill in order["info"]["fills"]] == [first, second]

    play(venue, story)


def test_c218(play: Play) -> None:
    """C-218: exchangeInfo of one symbol, of some, of those with a permission."""
    venue = model_venue(60)

    async def story(running: Exchange) -> None:
        client = running.client(None)

        async def symbols(**asked: object) -> list[str]:
            return [each["symbol"] for each in (await client.public_get_exchangeinfo(asked))["symbols"]]

        assert await symbols() == await symbols(permissions="SPOT") == ["BTCUSDT", "ETHUSDT"]
        assert await symbols(symbol="ETHUSDT") == await symbols(symbols='["ETHUSDT"]') == ["ETHUSDT"]
        assert await symbols(permissions='["MARGIN"]') == []
        with pytest.raises(ccxt.pro.BadRequest, match="-1128"):
            await symbols(symbol="ETHUSDT", permissions="SPOT")

    play(venue, story)


def test_c219(play: Play) -> None:
    """C-219: before the first candle is over there is a price and a book, and nothing that has not happened."""
    venue = model_venue(60)

    async def story(running: Exchange) -> None:
        client = running.client(None)
        ticker = await client.fetch_ticker(BTC)
        opened = int(venue.markets[0].open[0]) * venue.markets[0].market.price_tick
        assert ticker["last"] == ticker["open"] == ticker["high"] == opened
        assert (ticker["baseVolume"], ticker["info"]["count"], ticker["info"]["firstId"]) == (0, 0, -1)
        assert await client.fetch_trades(BTC) == []
        assert await client.fetch_ohlcv(BTC, "1h") == []

    play(venue, story)
