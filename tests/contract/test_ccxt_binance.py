"""What ccxt.pro's binance, unmodified and at its production URLs, sees of the simulated exchange."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt.pro
import pytest

from tests.contract.ccxt_kit import OPTIONS, Exchange, exchange
from tests.simexchange.exchange_kit import MINUTE, START, small_venue
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

WAYS = ("tcp-tls", "unix-tls", "unix-plain")
ROWS = [(100.0 + n, 102.0 + n, 99.0 + n, 101.0 + n) for n in range(30)]
PAIR = "BTC/USDT"

Story = Callable[[Exchange], Awaitable[None]]
Play = Callable[[Story], Venue]


@pytest.fixture(params=WAYS)
def play(request: pytest.FixtureRequest, tmp_path: Path, files: TlsFiles) -> Play:
    """A function that runs a story against a fresh exchange, over each way in."""

    def run(story: Story) -> Venue:
        venue = small_venue(ROWS, slippage_bp=1)

        async def tell() -> None:
            async with exchange(venue, request.param, tmp_path, files) as running:
                await asyncio.wait_for(story(running), 60)

        asyncio.run(tell())
        return venue

    return run


async def buy(client: Any, name: str = "in", quantity: str = "1") -> Any:
    """One market buy under a client order id."""
    return await client.create_order(PAIR, "market", "buy", Decimal(quantity), None, {"clientOrderId": name})


async def stop_loss(client: Any, stop: str, name: str = "stop", quantity: str = "0.5") -> Any:
    """One stop-loss sell under a client order id."""
    more = {"stopPrice": stop, "clientOrderId": name}
    return await client.create_order(PAIR, "STOP_LOSS", "sell", Decimal(quantity), None, more)


def test_markets_carry_every_rule(play: Play) -> None:
    """C-801: exchangeInfo gives ccxt the market's steps, least amounts and least cost."""

    async def story(running: Exchange) -> None:
        market = (await running.client().load_markets())[PAIR]
        assert (market["active"], market["spot"], market["feeSide"]) == (True, True, "get")
        assert market["precision"]["price"] == Decimal("0.01")
        assert market["precision"]["amount"] == Decimal("0.001")
        assert market["limits"]["amount"]["min"] == market["limits"]["market"]["min"] == Decimal("0.001")
        assert market["limits"]["cost"]["min"] == 5

    play(story)


def test_candles_are_the_closed_ones(play: Play) -> None:
    """C-802: klines are closed candles only, from a time, up to a time and at most so many; -1120 for a strange interval."""

    async def story(running: Exchange) -> None:
        client = running.client(None)
        assert await client.fetch_ohlcv(PAIR, "1m") == []
        running.venue.step_bars(3)
        rows = await client.fetch_ohlcv(PAIR, "1m")
        assert [row[0] for row in rows] == [START, START + MINUTE, START + 2 * MINUTE]
        assert rows[0][1:] == [100, 102, 99, 101, 10]
        assert [row[0] for row in await client.fetch_ohlcv(PAIR, "1m", limit=2)] == [START + MINUTE, START + 2 * MINUTE]
        since = await client.fetch_ohlcv(PAIR, "1m", since=START + 1, limit=1)
        assert [row[0] for row in since] == [START + MINUTE]
        until = await client.fetch_ohlcv(PAIR, "1m", params={"until": START + MINUTE})
        assert [row[0] for row in until] == [START, START + MINUTE]
        with pytest.raises(ccxt.pro.BadRequest):
            await client.fetch_ohlcv(PAIR, "1s")

    play(story)


def test_a_market_order_fills_and_is_charged(play: Play) -> None:
    """C-803: a market order fills at the slipped price, and the fee leaves the asset received."""

    async def story(running: Exchange) -> None:
        client = running.client()
        order = await buy(client, quantity="0.123")
        assert (order["status"], order["id"], order["clientOrderId"]) == ("closed", "1", "in")
        assert (order["filled"], order["average"], order["cost"]) == (
            Decimal("0.123"),
            Decimal("100.01"),
            Decimal("12.30123"),
        )
        fill = order["info"]["fills"][0]
        assert (fill["tradeId"], fill["commission"], fill["commissionAsset"]) == (1, "0.00012300", "BTC")
        balance = await client.fetch_balance()
        assert balance["BTC"]["free"] == Decimal("10.122877")
        assert balance["USDT"]["total"] == Decimal("987.69877")
        sold = await client.create_order(PAIR, "market", "sell", Decimal("0.122"), None, {"clientOrderId": "out"})
        assert (sold["average"], sold["info"]["fills"][0]["commission"]) == (Decimal("99.99"), "0.01219878")

    play(story)


def test_a_stop_rests_locks_and_is_withdrawn(play: Play) -> None:
    """C-804: a stop rests, locks what it would sell, is found by client id and gives it back when cancelled."""

    async def story(running: Exchange) -> None:
        client = running.client()
        placed = await stop_loss(client, "95")
        assert (placed["status"], placed["info"]["stopPrice"]) == ("open", "95.00")
        found = await client.fetch_order(None, PAIR, {"clientOrderId": "stop"})
        # With number=Decimal ccxt drops what it parses twice (triggerPrice, fee): the raw answer is the one to read.
        assert (found["status"], found["info"]["type"], found["info"]["stopPrice"]) == ("open", "STOP_LOSS", "95.00")
        assert [each["clientOrderId"] for each in await client.fetch_open_orders(PAIR)] == ["stop"]
        assert [each["clientOrderId"] for each in await client.fetch_open_orders()] == ["stop"]
        assert (await client.fetch_balance())["BTC"]["used"] == Decimal("0.5")
        gone = await client.cancel_order(None, PAIR, {"clientOrderId": "stop"})
        assert (gone["status"], gone["info"]["origClientOrderId"]) == ("canceled", "stop")
        assert await client.fetch_open_orders(PAIR) == []
        assert (await client.fetch_balance())["BTC"]["used"] == 0
        assert [each["status"] for each in await client.fetch_orders(PAIR)] == ["canceled"]

    play(story)


def test_a_limit_order_rests_and_fills_as_maker(play: Play) -> None:
    """C-805: a limit order rests and fills at its own price, as maker."""

    async def story(running: Exchange) -> None:
        client = running.client()
        more = {"clientOrderId": "target"}
        placed = await client.create_order(PAIR, "limit", "sell", Decimal("0.5"), Decimal("101.5"), more)
        assert (placed["status"], placed["price"], placed["timeInForce"]) == ("open", Decimal("101.50"), "GTC")
        running.venue.step_bars(1)
        trade = (await client.fetch_my_trades(PAIR))[0]
        assert (trade["takerOrMaker"], trade["price"], trade["timestamp"]) == (
            "maker",
            Decimal("101.50"),
            START + MINUTE // 2,
        )

    play(story)


def test_trades_are_listed_from_an_id_or_a_time(play: Play) -> None:
    """C-806: myTrades from an id, from a time, of an order."""

    async def story(running: Exchange) -> None:
        client = running.client()
        for name in ("a", "b", "c"):
            await buy(client, name)
            running.venue.step_bars(1)
        assert [each["order"] for each in await client.fetch_my_trades(PAIR)] == ["1", "2", "3"]
        later = await client.fetch_my_trades(PAIR, params={"fromId": 2})
        assert [each["id"] for each in later] == ["2", "3"]
        assert [each["id"] for each in await client.fetch_my_trades(PAIR, limit=1)] == ["3"]
        assert [each["id"] for each in await client.fetch_my_trades(PAIR, START + MINUTE, 1)] == ["2"]
        info = later[0]["info"]
        assert (info["commission"], info["commissionAsset"], info["isBuyer"]) == ("0.00100000", "BTC", True)

    play(story)


Ask = Callable[[Any], Awaitable[Any]]
RAW = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "newClientOrderId": "x"}
REJECTIONS: list[tuple[str, int | str, type[Exception], Ask]] = [
    ("funds", "Account has insufficient balance for requested action.", ccxt.pro.InsufficientFunds, lambda client: buy(client, quantity="11")),
    ("stop passed", "Stop price would trigger immediately.", ccxt.pro.OrderImmediatelyFillable, lambda client: stop_loss(client, "100")),
    ("least worth", -1013, ccxt.pro.BadRequest, lambda client: buy(client, quantity="0.01")),
    ("no such order", -2013, ccxt.pro.OrderNotFound, lambda client: client.fetch_order("77", PAIR)),
    ("nothing to cancel", -2011, ccxt.pro.OrderNotFound, lambda client: client.cancel_order("77", PAIR)),
    ("step", -1013, ccxt.pro.InvalidOrder, lambda client: client.private_post_order(RAW | {"quantity": "0.1234"})),
    ("tick", -1013, ccxt.pro.InvalidOrder, lambda client: client.private_post_order(
        RAW | {"type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "99.999"})),
    ("symbol", -1121, ccxt.pro.BadSymbol, lambda client: client.private_post_order(RAW | {"symbol": "NOPE"})),
    ("missing", -1102, ccxt.pro.BadRequest, lambda client: client.private_post_order(RAW)),
    ("malformed", -1100, ccxt.pro.BadRequest, lambda client: client.private_post_order(RAW | {"quantity": "1e1"})),
    ("quote quantity", -1106, ccxt.pro.BadRequest, lambda client: client.private_post_order(
        RAW | {"quantity": "1", "quoteOrderQty": "9"})),
    ("order id None", -1100, ccxt.pro.BadRequest, lambda client: client.fetch_order("None", PAIR)),
    ("type", -1116, ccxt.pro.BadRequest, lambda client: client.private_post_order(RAW | {"type": "ICEBERG"})),
    ("time in force", -1115, ccxt.pro.BadRequest, lambda client: client.private_post_order(
        RAW | {"type": "LIMIT", "timeInForce": "DAY", "quantity": "1", "price": "99"})),
    ("price on a market order", -1106, ccxt.pro.BadRequest, lambda client: client.private_post_order(
        RAW | {"quantity": "1", "price": "99"})),
]  # fmt: skip


@pytest.mark.parametrize(("said", "error", "ask"), [pytest.param(*row[1:], id=row[0]) for row in REJECTIONS])
def test_rejections(tmp_path: Path, files: TlsFiles, said: int | str, error: type[Exception], ask: Ask) -> None:
    """C-807: each refusal is the error that ccxt has for it; its table depends on the host only: one way in is enough."""
    venue = small_venue(ROWS, slippage_bp=1)

    async def story() -> None:
        async with exchange(venue, "unix-plain", tmp_path, files) as running:
            client = running.client()
            await client.load_markets()
            words = f'"code":{said},' if isinstance(said, int) else said
            with pytest.raises(error, match=re.escape(words)) as caught:
                await ask(client)
            assert type(caught.value) is error

    asyncio.run(story())
    assert not venue.orders("key")


def test_a_client_id_in_use_is_refused(play: Play) -> None:
    """C-808: a client id of an open order is refused; one whose order ended may be used again, the newest is found."""

    async def story(running: Exchange) -> None:
        client = running.client()
        await stop_loss(client, "95", name="same")
        with pytest.raises(ccxt.pro.InvalidOrder, match=r"Duplicate order sent\."):
            await stop_loss(client, "94", name="same")
        await client.cancel_order(None, PAIR, {"clientOrderId": "same"})
        assert (await buy(client, "same"))["status"] == "closed"
        assert (await client.fetch_order(None, PAIR, {"clientOrderId": "same"}))["id"] == "2"

    play(story)


def test_who_cannot_prove_itself_is_refused(play: Play) -> None:
    """C-809: a wrong secret -1022, a foreign key -2015, a clock that is off -1021."""

    async def story(running: Exchange) -> None:
        with pytest.raises(ccxt.pro.AuthenticationError, match="-1022"):
            await running.client(secret="wrong").fetch_balance()
        with pytest.raises(ccxt.pro.AuthenticationError, match="-2015"):
            await running.client("nobody").fetch_balance()
        for skew in (-10_001, 1_000):
            late = running.client()
            late.milliseconds = lambda skew=skew: running.venue.now_ms + skew
            with pytest.raises(ccxt.pro.InvalidNonce, match="-1021"):
                await late.fetch_balance()

    play(story)


def test_the_user_stream_tells_fills_before_the_answer_is_read(play: Play) -> None:
    """C-810: the user stream has told a fill when the answer to its order is read."""

    async def story(running: Exchange) -> None:
        client = running.client(options=OPTIONS | {"ws": {"compress": 0}})
        reports: list[dict[str, Any]] = []
        positions: list[dict[str, Any]] = []
        client.handle_order_update = lambda _, message: reports.append(message)
        client.handle_balance = lambda _, message: positions.append(message)
        await client.authenticate()
        await buy(client, quantity="0.5")
        await running.until(lambda: len(reports) == 2 and positions)
        assert [(each["x"], each["X"], each["c"], each["i"], each["r"]) for each in reports] == [
            ("NEW", "NEW", "in", 1, "NONE"),
            ("TRADE", "FILLED", "in", 1, "NONE"),
        ]
        fill = reports[1]
        assert (fill["t"], fill["l"], fill["L"], fill["n"], fill["N"], fill["m"]) == (
            1, "0.500", "100.01", "0.00050000", "BTC", False,
        )  # fmt: skip
        assert (fill["T"], fill["O"]) == (START, START)
        assert [(line["a"], line["f"], line["l"]) for line in positions[0]["B"]] == [
            ("BTC", "10.49950000", "0.00000000"),
            ("USDT", "949.99500000", "0.00000000"),
        ]

    play(story)


def test_a_stop_that_fires_is_told_by_the_user_stream(play: Play) -> None:
    """C-811: a stop that fires is told by the user stream."""

    async def story(running: Exchange) -> None:
        client = running.client()
        watching = asyncio.ensure_future(client.watch_orders())
        await client.load_markets()
        await running.until(lambda: running.server.subscriptions_open)
        await stop_loss(client, "99.5", quantity="0.5")
        assert (await watching)[-1]["status"] == "open"
        fired = asyncio.ensure_future(client.watch_my_trades())
        await client.fetch_time()
        assert running.venue.step()
        trade = (await fired)[-1]
        assert (trade["price"], trade["amount"], trade["takerOrMaker"]) == (Decimal("99.49"), Decimal("0.500"), "taker")
        assert trade["timestamp"] == START + MINUTE // 4

    play(story)


def test_a_cancelled_order_keeps_its_name_in_the_user_stream(play: Play) -> None:
    """C-812: a cancelled order is told under the client id it was placed with."""

    async def story(running: Exchange) -> None:
        client = running.client()
        reports: list[dict[str, Any]] = []
        client.handle_order_update = lambda _, message: reports.append(message)
        client.handle_balance = lambda *_: None
        await client.authenticate()
        await stop_loss(client, "95")
        await client.cancel_order(None, PAIR, {"clientOrderId": "stop"})
        await running.until(lambda: len(reports) == 2)
        assert (reports[1]["x"], reports[1]["C"]) == ("CANCELED", "stop")
        assert reports[1]["c"] != "stop"
        assert client.parse_ws_order(reports[1])["clientOrderId"] == "stop"

    play(story)


def test_closed_candles_are_streamed_once_each(play: Play) -> None:
    """C-813: each closed candle is streamed once."""

    async def story(running: Exchange) -> None:
        client = running.client(None)
        frames: list[dict[str, Any]] = []
        client.handle_ohlcv = lambda _, message: frames.append(message)
        reading = asyncio.ensure_future(client.watch_ohlcv(PAIR, "1m"))
        await running.until(lambda: running.server.subscriptions_open)
        while running.venue.step():
            pass
        await running.until(lambda: len(frames) == running.server.frames)
        reading.cancel()
        opened = [frame["k"]["t"] for frame in frames]
        assert opened == sorted(set(opened))
        assert all(frame["k"]["x"] and frame["E"] == frame["k"]["t"] + MINUTE for frame in frames)
        last = frames[-1]["k"]
        assert (last["o"], last["h"], last["l"], last["c"], last["v"]) == (
            "128.00", "130.00", "127.00", "129.00", "10.00000000",
        )  # fmt: skip

    play(story)


def test_best_prices_are_streamed(play: Play) -> None:
    """C-814: bookTicker is streamed."""

    async def story(running: Exchange) -> None:
        client = running.client(None)
        reading = asyncio.ensure_future(client.watch_bids_asks([PAIR]))
        await running.until(lambda: running.server.subscriptions_open)
        running.venue.step()
        best = (await reading)[PAIR]
        assert best["bid"] < best["ask"]
        now = await client.fetch_bids_asks([PAIR])
        assert now[PAIR]["ask"] >= now[PAIR]["bid"]

    play(story)


def test_combined_streams_and_subscriptions(play: Play) -> None:
    """C-815: combined streams, LIST_SUBSCRIPTIONS, SET_PROPERTY and their errors."""

    async def story(running: Exchange) -> None:
        url = "https://stream.binance.com/stream?streams=btcusdt@kline_1m"
        async with running.session.ws_connect(url) as socket:
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            assert await socket.receive_json() == {"result": ["btcusdt@kline_1m"], "id": 1}
            running.venue.step()
            event = await socket.receive_json()
            assert (event["stream"], event["data"]["k"]["t"]) == ("btcusdt@kline_1m", START)
            await socket.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@kline_1m"], "id": 2})
            assert await socket.receive_json() == {"result": None, "id": 2}
            for bad in ({"method": "SUBSCRIBE", "params": ["nope@kline_1m"], "id": 3}, {"method": "DANCE"}, [1]):
                await socket.send_json(bad)
                assert (await socket.receive_json())["error"]["code"] == 2
            await socket.send_str("{")
            assert (await socket.receive_json())["error"]["code"] == 3

    play(story)


def test_other_hosts_and_paths_are_not_played(play: Play) -> None:
    """C-816: a host or path that is not played answers 404."""

    async def story(running: Exchange) -> None:
        for url in ("https://fapi.binance.com/fapi/v1/ping", "https://api.binance.com/sapi/v1/sub-account/list"):
            async with running.session.post(url) as answer:
                assert answer.status == 404
        async with running.session.get("https://stream.binance.com/ws") as answer:
            assert answer.status == 400

    play(story)
