"""Limits as ccxt.pro's binance, unmodified and at its production URLs, meets them: C-301 to C-316."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt.pro
import pytest

from tests.contract.gate_kit import PAIR, Gated, tell
from tests.simexchange.exchange_kit import bars, market
from tradepool.simexchange.limits import BINANCE, Limits
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

MINUTE = 60_000
SMALL = Limits(weight_per_minute=40, strikes_max=2)


def headers(client: Any) -> dict[str, str]:
    """Headers of the client's last answer, their names in small letters."""
    return {name.lower(): value for name, value in client.last_response_headers.items()}


async def weight_of(client: Any, method: str, params: Mapping[str, object]) -> int:
    """What one request used, whatever it was answered."""
    await client.public_get_ping()
    before = int(headers(client)["x-mbx-used-weight-1m"])
    with contextlib.suppress(ccxt.pro.BaseError):
        await getattr(client, method)(dict(params))
    return int(headers(client)["x-mbx-used-weight-1m"]) - before


BTC: dict[str, object] = {"symbol": "BTCUSDT"}
LIMIT = BTC | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50"}
WEIGHTS: list[tuple[str, dict[str, object], int]] = [
    ("public_get_ping", {}, 1),
    ("public_get_time", {}, 1),
    ("public_get_exchangeinfo", {}, 20),
    ("public_get_depth", BTC, 5),
    ("public_get_depth", BTC | {"limit": 100}, 5),
    ("public_get_depth", BTC | {"limit": 101}, 25),
    ("public_get_depth", BTC | {"limit": 1000}, 50),
    ("public_get_depth", BTC | {"limit": 5000}, 250),
    ("public_get_klines", BTC | {"interval": "1m"}, 2),
    ("public_get_ticker_24hr", BTC, 2),
    ("public_get_ticker_24hr", {"symbols": '["BTCUSDT","ETHUSDT"]'}, 2),
    ("public_get_ticker_24hr", {"symbols": str([f"A{n}" for n in range(21)]).replace("'", '"')}, 40),
    ("public_get_ticker_24hr", {}, 80),
    ("public_get_ticker_price", BTC, 2),
    ("public_get_ticker_price", {}, 4),
    ("public_get_ticker_bookticker", BTC, 2),
    ("public_get_ticker_bookticker", {}, 4),
    ("public_get_trades", BTC, 25),
    ("public_get_historicaltrades", BTC, 25),
    ("public_get_aggtrades", BTC, 4),
    ("private_get_account", {}, 20),
    ("private_get_account_commission", BTC, 20),
    ("private_get_ratelimit_order", {}, 40),
    ("private_post_order", LIMIT, 1),
    ("private_delete_order", BTC | {"orderId": 1}, 1),
    ("private_get_order", BTC | {"orderId": 1}, 4),
    ("private_get_openorders", BTC, 6),
    ("private_get_openorders", {}, 80),
    ("private_get_allorders", BTC, 20),
    ("private_get_mytrades", BTC, 20),
    ("private_get_mytrades", BTC | {"orderId": 1}, 5),
    ("private_get_openorderlist", {}, 6),
]


def test_every_route_weighs_what_binance_says(files: TlsFiles) -> None:
    """C-301: the weight of each route, by its answer's header; a refused request weighs as much."""

    async def story(running: Gated) -> None:
        client = running.client()
        found = [(method, params, await weight_of(client, method, params)) for method, params, _ in WEIGHTS]
        assert found == WEIGHTS

    tell(story, files, BINANCE)


def test_without_limits_nothing_is_said(files: TlsFiles) -> None:
    """C-302: a venue without limits sends no such header and lists no limit."""

    async def story(running: Gated) -> None:
        client = running.client()
        info = await client.public_get_exchangeinfo()
        assert info["rateLimits"] == []
        assert not [name for name in headers(client) if name.startswith(("x-mbx", "x-sapi"))]

    tell(story, files)


def test_the_limits_are_told(files: TlsFiles) -> None:
    """C-303: exchangeInfo lists the limits that hold."""

    async def story(running: Gated) -> None:
        told = (await running.client(None).public_get_exchangeinfo())["rateLimits"]
        rows = [(each["rateLimitType"], each["interval"], each["intervalNum"], each["limit"]) for each in told]
        assert rows == [
            ("REQUEST_WEIGHT", "MINUTE", 1, 6_000),
            ("ORDERS", "SECOND", 10, 100),
            ("ORDERS", "DAY", 1, 200_000),
            ("RAW_REQUESTS", "MINUTE", 5, 61_000),
        ]

    tell(story, files, BINANCE)


def test_too_much_weight_is_429_until_the_minute_ends(files: TlsFiles) -> None:
    """C-304: past the weight of a minute: 429, -1003 and Retry-After; at the next full minute all is well again."""

    async def story(running: Gated) -> None:
        client, venue = running.client(None), running.venue
        venue.pass_time(venue.now_ms + 12_500)
        for _ in range(2):
            await client.public_get_exchangeinfo()
        words = r"429.*-1003.*Too much request weight used; current limit is 40 request weight per 1 MINUTE\. Please"
        with pytest.raises(ccxt.pro.DDoSProtection, match=words):
            await client.public_get_ping()
        retry_s = int(headers(client)["retry-after"])
        assert retry_s == 60 - (venue.now_ms // 1000) % 60
        venue.pass_time(venue.now_ms + retry_s * 1000)
        await client.public_get_ping()
        assert headers(client)["x-mbx-used-weight-1m"] == headers(client)["x-mbx-used-weight"] == "1"

    tell(story, files, SMALL)


def test_who_goes_on_is_banned_for_longer_each_time(files: TlsFiles) -> None:
    """C-305: going on after 429: 418 and a ban of 2 minutes, the next of 10; then the address is free again."""

    async def story(running: Gated) -> None:
        client, venue = running.client(None), running.venue
        for ban_s in (120, 600):
            for _ in range(2):
                await client.public_get_exchangeinfo()
            for _ in range(SMALL.strikes_max):
                with pytest.raises(ccxt.pro.DDoSProtection, match="429"):
                    await client.public_get_ping()
            until_ms = venue.now_ms + ban_s * 1000
            for _ in range(2):
                with pytest.raises(ccxt.pro.DDoSProtection, match=rf"418.*Way too much .*banned until {until_ms}\."):
                    await client.public_get_ping()
                assert headers(client)["retry-after"] == str(ban_s)
            venue.pass_time(until_ms - 1)
            with pytest.raises(ccxt.pro.DDoSProtection, match="418"):
                await client.public_get_ping()
            venue.pass_time(until_ms)
        await client.public_get_ping()

    tell(story, files, SMALL)


def test_addresses_are_counted_apart(files: TlsFiles) -> None:
    """C-306: what one address uses leaves another's weight alone, though both use the same key."""

    async def story(running: Gated) -> None:
        one, other = await running.client_from("127.0.0.2"), await running.client_from("127.0.0.3")
        for _ in range(2):
            await one.private_get_account()
        with pytest.raises(ccxt.pro.DDoSProtection, match="429"):
            await one.private_get_account()
        await other.private_get_account()
        assert headers(other)["x-mbx-used-weight-1m"] == "20"

    tell(story, files, SMALL)


def test_raw_requests_are_limited_too(files: TlsFiles) -> None:
    """C-307: the number of requests in five minutes has a limit of its own."""

    async def story(running: Gated) -> None:
        client = running.client(None)
        for _ in range(3):
            await client.public_get_ping()
        with pytest.raises(ccxt.pro.DDoSProtection, match=r"429.*-1003.*current limit is 3 raw requests per 5 MINUTE"):
            await client.public_get_ping()
        running.venue.pass_time(running.venue.now_ms + 5 * MINUTE)
        await client.public_get_ping()

    tell(story, files, Limits(requests_per_5_minutes=3))


async def rest_order(client: Any, price: str = "50") -> Any:
    """One limit buy far below the price."""
    return await client.create_order(PAIR, "limit", "buy", Decimal("0.1"), Decimal(price))


def counts(client: Any) -> tuple[str, str]:
    """Order counts of the last answer."""
    told = headers(client)
    return told["x-mbx-order-count-10s"], told["x-mbx-order-count-1d"]


def test_orders_are_counted_per_account(files: TlsFiles) -> None:
    """C-308: order counts in the headers of an order, for all keys of the account; 10 s later only the day's is left."""

    async def story(running: Gated) -> None:
        running.key("second")
        one, other = running.client(), running.client("second")
        await rest_order(one)
        assert counts(one) == ("1", "1")
        await rest_order(other)
        assert counts(other) == ("2", "2")
        told = await one.private_get_ratelimit_order()
        assert [(each["interval"], each["intervalNum"], each["limit"], each["count"]) for each in told] == [
            ("SECOND", 10, 100, 2),
            ("DAY", 1, 200_000, 2),
        ]
        running.venue.pass_time(running.venue.now_ms + 10_000)
        await one.create_order_ws(PAIR, "limit", "buy", Decimal("0.1"), Decimal(50))
        assert [each["count"] for each in await one.private_get_ratelimit_order()] == [1, 3]
        with pytest.raises(ccxt.pro.BadRequest, match="NOTIONAL"):
            await one.create_order(PAIR, "limit", "buy", Decimal("0.001"), Decimal(50))
        await rest_order(one)
        assert counts(one) == ("2", "4")

    tell(story, files, BINANCE)


def test_filled_orders_do_not_count(files: TlsFiles) -> None:
    """C-309: only unfilled orders count: a market order leaves the count where it was, a resting one's fill lowers it."""

    async def story(running: Gated) -> None:
        client = running.client()
        await client.create_order(PAIR, "market", "buy", Decimal("0.1"))
        assert counts(client) == ("0", "0")
        await client.create_order(PAIR, "STOP_LOSS", "sell", Decimal("0.1"), None, {"stopPrice": "99"})
        await rest_order(client)
        assert counts(client) == ("2", "2")
        running.venue.step_bars(1)
        assert [each["count"] for each in await client.private_get_ratelimit_order()] == [0, 1]

    venue = Venue([Listing(market(), bars([(100, 100, 90, 95)] * 5))], 0)
    venue.open_account("key", "secret", {"USDT": Decimal(1000), "BTC": Decimal(1)})
    tell(story, files, BINANCE, venue)


def test_too_many_orders_are_refused(files: TlsFiles) -> None:
    """C-310: one order too many in 10 s: 429 and -1015 without Retry-After; nobody is banned, cancels go through."""

    async def story(running: Gated) -> None:
        client = running.client()
        ids = [(await rest_order(client))["id"] for _ in range(3)]
        for _ in range(30):
            with pytest.raises(ccxt.pro.DDoSProtection, match=r"429.*-1015.*current limit is 3 orders per 10 SECOND\."):
                await rest_order(client)
        assert "retry-after" not in headers(client)
        with pytest.raises(ccxt.pro.RateLimitExceeded, match="-1015"):
            await client.create_order_ws(PAIR, "limit", "buy", Decimal("0.1"), Decimal(50))
        await client.cancel_order(ids[0], PAIR)
        running.venue.pass_time(running.venue.now_ms + 10_000)
        await rest_order(client)

    assert len(tell(story, files, Limits(orders_per_10_seconds=3)).orders("key")) == 4


STREAM, API = "https://stream.binance.com/ws", "https://ws-api.binance.com/ws-api/v3"


def test_the_301st_connection_is_refused(files: TlsFiles) -> None:
    """C-311: 300 attempts to connect in five minutes, on streams and the ws-api together; the next one is refused."""

    async def story(running: Gated) -> None:
        for number in range(300):
            await (await running.session.ws_connect(API if number % 2 else STREAM)).close()
        for url in (STREAM, API):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
                await running.session.ws_connect(url)
        elsewhere = await running.session_from("127.0.0.9")
        await (await elsewhere.ws_connect(STREAM)).close()
        running.venue.pass_time(running.venue.now_ms + 5 * MINUTE)
        await (await running.session.ws_connect(STREAM)).close()

    tell(story, files, BINANCE)


def test_a_chatty_stream_connection_is_ended(files: TlsFiles) -> None:
    """C-312: five messages a second on a stream connection; the sixth ends it. The ws-api has no such limit."""

    async def story(running: Gated) -> None:
        ask = {"method": "LIST_SUBSCRIPTIONS", "id": 1}
        socket = await running.session.ws_connect(STREAM)
        for _ in range(2):
            for _ in range(5):
                await socket.send_json(ask)
                assert (await socket.receive_json())["result"] == []
            running.venue.pass_time(running.venue.now_ms + 1_000)
        for _ in range(6):
            await socket.send_json(ask)
        received = [(await socket.receive()).type for _ in range(6)]
        assert received[-1] in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.ERROR)
        api = await running.session.ws_connect(API)
        for number in range(20):
            await api.send_json({"id": number, "method": "ping"})
            assert (await api.receive_json())["status"] == 200

    tell(story, files, BINANCE)


def test_a_connection_reads_so_many_streams(files: TlsFiles) -> None:
    """C-313: a connection reads at most so many streams; what it reads already does not count twice."""

    async def story(running: Gated) -> None:
        socket = await running.session.ws_connect(STREAM)
        for name, fine in (("btcusdt", True), ("btcusdt", True), ("ethusdt", False)):
            await socket.send_json({"method": "SUBSCRIBE", "params": [f"{name}@bookTicker"], "id": 1})
            assert ("error" not in await socket.receive_json()) == fine

    tell(story, files, Limits(streams_max=1))


def test_the_ws_api_shares_the_weight(files: TlsFiles) -> None:
    """C-314: the ws-api uses the same weight of the address, tells it, and refuses with 429 and when to come back."""

    async def story(running: Gated) -> None:
        client = running.client()
        await client.private_get_account()
        api = await running.session.ws_connect(API)

        async def ask(method: str) -> Any:
            await api.send_json({"id": 1, "method": method})
            return await api.receive_json()

        told = (await ask("time"))["rateLimits"]
        assert told == [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 40, "count": 23}
        ]
        await client.authenticate()
        await client.public_get_ping()
        assert headers(client)["x-mbx-used-weight-1m"] == str(23 + 2 + 2 + 1)
        for _ in range(12):
            await ask("ping")
        refused = await ask("ping")
        assert (refused["status"], refused["error"]["code"]) == (429, -1003)
        assert refused["error"]["data"] == {
            "serverTime": running.venue.now_ms,
            "retryAfter": running.venue.now_ms + MINUTE,
        }

    tell(story, files, SMALL)


def test_wallet_routes_have_pools_of_their_own(files: TlsFiles) -> None:
    """C-315: each wallet route has its own pool, per address or per account, and leaves the trading weight alone."""

    async def story(running: Gated) -> None:
        client = running.client()
        await client.sapi_get_capital_deposit_hisrec()
        await client.sapi_get_asset_assetdividend()
        assert headers(client)["x-sapi-used-ip-weight-1m"] == "10"
        for _ in range(2):
            await client.sapi_get_capital_withdraw_history()
        assert headers(client)["x-sapi-used-uid-weight-1m"] == "36000"
        with pytest.raises(ccxt.pro.DDoSProtection, match="429"):
            await client.sapi_get_capital_withdraw_history()
        await client.sapi_get_account_apirestrictions()
        assert headers(client)["x-sapi-used-ip-weight-1m"] == "1"
        await client.public_get_ping()
        assert headers(client)["x-mbx-used-weight-1m"] == "1"

    tell(story, files, Limits(wallet_account_weight_per_minute=36_000))


def test_a_banned_address_cannot_connect_either(files: TlsFiles) -> None:
    """C-316: an operator's ban holds for REST and WebSocket alike, with 418."""

    async def story(running: Gated) -> None:
        assert running.venue.limiter is not None
        running.venue.limiter.ban("127.0.0.1", running.venue.now_ms)
        with pytest.raises(ccxt.pro.DDoSProtection, match="418"):
            await running.client(None).fetch_time()
        with pytest.raises(aiohttp.WSServerHandshakeError, match="418"):
            await running.session.ws_connect(STREAM)

    tell(story, files, BINANCE)
