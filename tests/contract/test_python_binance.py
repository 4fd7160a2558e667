"""What python-binance, another client of the real exchange, sees of the simulated one: it is not tuned to our adapter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from binance.exceptions import BinanceAPIException

from tests.contract.binance_kit import Desk, desk, run
from tests.simexchange.exchange_kit import MINUTE, START, small_venue
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

ROWS = [(100.0 + n, 102.0 + n, 99.0 + n, 101.0 + n) for n in range(30)]

Story = Callable[[Desk], Awaitable[None]]
Play = Callable[[Story], Venue]


@pytest.fixture
def play(files: TlsFiles) -> Play:
    """A function that runs a story against a fresh exchange."""

    def tell(story: Story) -> Venue:
        venue = small_venue(ROWS, slippage_bp=1)

        async def whole() -> None:
            async with desk(venue, files) as running:
                await asyncio.wait_for(story(running), 60)

        run(whole)
        return venue

    return tell


async def refused(asked: Awaitable[Any]) -> tuple[int, str]:
    """The code and words of a refusal."""
    with pytest.raises(BinanceAPIException) as caught:
        await asked
    return caught.value.code, caught.value.message


def test_rules_time_and_candles(play: Play) -> None:
    """C-701: ping, time, exchangeInfo, klines."""

    async def story(at: Desk) -> None:
        at.venue.step_bars(5)
        assert await at.client.ping() == {}
        assert (await at.client.get_server_time())["serverTime"] == at.venue.now_ms
        info = await at.client.get_symbol_info("BTCUSDT")
        assert (info["status"], info["baseAsset"], info["quoteAsset"]) == ("TRADING", "BTC", "USDT")
        assert {each["filterType"] for each in info["filters"]} >= {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL"}
        rows = await at.client.get_klines(symbol="BTCUSDT", interval="1m", limit=3)
        assert [row[0] for row in rows] == [START + number * MINUTE for number in (2, 3, 4)]
        assert [Decimal(row[4]) for row in rows] == [103, 104, 105]
        assert await refused(at.client.get_klines(symbol="NOPE", interval="1m")) == (-1121, "Invalid symbol.")

    play(story)


def test_a_market_order_fills_at_once(play: Play) -> None:
    """C-702: order_market_buy with fills, get_order, get_my_trades, get_account."""

    async def story(at: Desk) -> None:
        order = await at.client.order_market_buy(symbol="BTCUSDT", quantity="0.5", newClientOrderId="mine")
        assert (order["status"], order["clientOrderId"], order["executedQty"]) == ("FILLED", "mine", "0.500")
        assert [fill["commissionAsset"] for fill in order["fills"]] == ["BTC"]
        found = await at.client.get_order(symbol="BTCUSDT", origClientOrderId="mine")
        assert (found["orderId"], found["status"]) == (order["orderId"], "FILLED")
        trades = await at.client.get_my_trades(symbol="BTCUSDT")
        assert [trade["orderId"] for trade in trades] == [order["orderId"]]
        account = await at.client.get_account()
        assert Decimal(next(b for b in account["balances"] if b["asset"] == "BTC")["free"]) == Decimal("10.4995")

    play(story)


def test_a_limit_order_rests_and_is_cancelled(play: Play) -> None:
    """C-703: order_limit_buy, get_open_orders, cancel_order, get_all_orders; -2011 for the second cancel."""

    async def story(at: Desk) -> None:
        order = await at.client.order_limit_buy(symbol="BTCUSDT", quantity="1", price="90.00")
        assert order["status"] == "NEW"
        assert [each["orderId"] for each in await at.client.get_open_orders(symbol="BTCUSDT")] == [order["orderId"]]
        gone = await at.client.cancel_order(symbol="BTCUSDT", orderId=order["orderId"])
        assert (gone["status"], gone["origClientOrderId"]) == ("CANCELED", order["clientOrderId"])
        assert await at.client.get_open_orders() == []
        assert [each["status"] for each in await at.client.get_all_orders(symbol="BTCUSDT")] == ["CANCELED"]
        second = await refused(at.client.cancel_order(symbol="BTCUSDT", orderId=order["orderId"]))
        assert second == (-2011, "Unknown order sent.")

    play(story)


@pytest.mark.parametrize(
    ("order", "code", "words"),
    [
        ({"quantity": "5000", "price": "100.00"}, -2010, "Account has insufficient balance for requested action."),
        ({"quantity": "0.001", "price": "90.00"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "0.0001", "price": "90.00"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "1", "price": "90.001"}, -1013, "Filter failure: PRICE_FILTER"),
    ],
)
def test_refusals_have_the_venues_code_and_words(play: Play, order: dict[str, str], code: int, words: str) -> None:
    """C-704: funds, filters and characters."""

    async def story(at: Desk) -> None:
        said = await refused(at.client.order_limit_buy(symbol="BTCUSDT", **order))
        assert said[0] == code
        assert said[1].startswith(words)

    play(story)


def test_a_foreign_key_and_a_wrong_secret_are_refused(files: TlsFiles) -> None:
    """C-705: -2015 for a key nobody has, -1022 for a signature by another secret."""

    async def story() -> None:
        for key, secret, code in (("nobody", "secret", -2015), ("key", "wrong", -1022)):
            async with desk(small_venue(ROWS), files, key, secret) as at:
                assert (await refused(at.client.get_account()))[0] == code

    run(story)


def test_candles_are_streamed(play: Play) -> None:
    """C-706: the kline socket gives closed candles."""

    async def story(at: Desk) -> None:
        async with at.streams.kline_socket("BTCUSDT", interval="1m") as stream:
            await at.until(lambda: at.server.subscriptions_open)
            at.venue.step_bars(2)
            closed = list[int]()
            while len(closed) < 2:
                message = await stream.recv()
                if message["k"]["x"]:
                    closed.append(message["k"]["t"])
            assert closed == [START, START + MINUTE]

    play(story)


def test_the_user_stream_tells_orders_and_balances(play: Play) -> None:
    """C-707: user socket over ws-api: NEW, TRADE and the account's position."""

    async def story(at: Desk) -> None:
        async with at.streams.user_socket() as stream:
            order = await at.client.order_market_buy(symbol="BTCUSDT", quantity="1")
            seen = [await stream.recv() for _ in range(3)]
            reports = [(each["x"], each["i"]) for each in seen if each["e"] == "executionReport"]
            assert reports == [("NEW", order["orderId"]), ("TRADE", order["orderId"])]
            assert [each["e"] for each in seen if each["e"] != "executionReport"] == ["outboundAccountPosition"]

    play(story)
