"""Other doors through python-binance: the wallet's, the ws-api's, and its synchronous client (C-715 to C-719)."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from binance.exceptions import BinanceAPIException

from tests.contract.binance_kit import Desk, blocking_client, run
from tests.contract.binance_kit import desk as served
from tests.contract.test_python_binance import ROWS, Play, play, refused
from tests.simexchange.exchange_kit import START, small_venue
from tradepool.simexchange.door import TcpPort
from tradepool.simexchange.keys import Permissions
from tradepool.simexchange.limits import Limiter, Limits
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import TlsFiles

__all__ = ["play"]


def test_deposits_withdrawals_and_what_a_key_may(play: Play) -> None:
    """C-715: histories by coin and status, the address money goes to, apiRestrictions, the account's standing."""

    async def story(at: Desk) -> None:
        venue, account = at.venue, at.venue.account("key")
        venue.wallet.deposit(account, "BTC", Decimal(2), START)
        venue.wallet.deposit(account, "USDT", Decimal(5), START, credit_after_ms=60_000)
        (there,) = await at.client.get_deposit_history(coin="BTC")
        assert (there["amount"], there["status"]) == ("2.00000000", 1)
        assert (await at.client.get_deposit_address(coin="BTC"))["address"] == there["address"]
        assert [each["coin"] for each in await at.client.get_deposit_history(status=0)] == ["USDT"]
        assert await at.client.get_withdraw_history() == []
        may = await at.client.get_account_api_permissions()
        assert (may["enableSpotAndMarginTrading"], may["enableWithdrawals"]) == (True, False)
        assert (await refused(at.client.withdraw(coin="BTC", address="there", amount="1")))[0] == -1002
        venue.keys.allow("key", Permissions(withdrawals=True))
        assert (await at.client.get_account_api_permissions())["enableWithdrawals"] is True
        made = await at.client.withdraw(coin="BTC", address="there", amount="1")
        (gone,) = await at.client.get_withdraw_history(coin="BTC")
        assert (gone["id"], gone["address"], Decimal(gone["amount"])) == (made["id"], "there", Decimal(1))
        assert await at.client.get_account_status() == {"data": "Normal"}
        assert (await at.client.get_account_api_trading_status())["data"]["isLocked"] is False
        details = await at.client.get_asset_details()
        assert {name: each["depositStatus"] for name, each in details.items()} == {"USDT": True, "BTC": True}

    play(story)


def test_market_data_over_the_ws_api(play: Play) -> None:
    """C-716: the ws-api's public methods answer what REST answers; an unknown symbol is refused alike."""

    async def story(at: Desk) -> None:
        at.venue.step_bars(8)
        client, one = at.client, {"symbol": "BTCUSDT"}
        pairs: list[tuple[Any, Any]] = [
            (client.ws_get_exchange_info(symbol="BTCUSDT"), client.get_exchange_info()),
            (client.ws_get_klines(**one, interval="1m", limit=3), client.get_klines(**one, interval="1m", limit=3)),
            (client.ws_get_order_book(**one, limit=5), client.get_order_book(**one, limit=5)),
            (client.ws_get_recent_trades(**one), client.get_recent_trades(**one)),
            (client.ws_get_historical_trades(**one, fromId=1), client.get_historical_trades(**one, fromId=1)),
            (client.ws_get_aggregate_trades(**one), client.get_aggregate_trades(**one)),
            (client.ws_get_avg_price(**one), client.get_avg_price(**one)),
            (client.ws_get_ticker(**one), client.get_ticker(**one)),
            (client.ws_get_symbol_ticker(**one), client.get_symbol_ticker(**one)),
            (client.ws_get_orderbook_ticker(**one), client.get_orderbook_ticker(**one)),
        ]
        for over_ws, over_rest in pairs:
            told = await over_ws
            assert told == await over_rest
            assert told
        said = await refused(client.ws_get_klines(symbol="NOPE", interval="1m"))
        assert said == (-1121, "Invalid symbol.")

    play(story)


def test_the_synchronous_client(files: TlsFiles) -> None:
    """C-717: the client on requests, in a thread: rules, an order, its trade, a cancel and a refusal."""
    venue = small_venue(ROWS)

    def work(port: int) -> None:
        client = blocking_client(venue, port, files)
        assert client.get_symbol_info("BTCUSDT")["status"] == "TRADING"
        assert client.order_market_buy(symbol="BTCUSDT", quantity="0.5")["status"] == "FILLED"
        assert [each["qty"] for each in client.get_my_trades(symbol="BTCUSDT")] == ["0.500"]
        rests = client.order_limit_buy(symbol="BTCUSDT", quantity="1", price="90.00")
        assert client.cancel_order(symbol="BTCUSDT", orderId=rests["orderId"])["status"] == "CANCELED"
        with pytest.raises(BinanceAPIException) as caught:
            client.order_limit_buy(symbol="BTCUSDT", quantity="5000", price="90.00")
        assert caught.value.code == -2010
        client.close_connection()

    async def story() -> None:
        server = Server(venue, TcpPort(), files.server_context())
        place = await server.start()
        assert isinstance(place, TcpPort)
        try:
            await asyncio.wait_for(asyncio.to_thread(work, place.port), 60)
        finally:
            await server.stop()

    run(story)
    assert [order.client_id != "" for order in venue.orders("key")] == [True, True]


def test_parameters_as_documented(play: Play) -> None:
    """C-718: omitZeroBalances is heard, recvWindow may have decimals, a depth of nothing is refused."""

    async def story(at: Desk) -> None:
        await at.client.order_market_sell(symbol="BTCUSDT", quantity="10")
        for omit, assets in (("false", {"BTC", "USDT"}), ("true", {"USDT"})):
            account = await at.client.get_account(omitZeroBalances=omit)
            assert {each["asset"] for each in account["balances"]} == assets
        for window, code in (("4999.999", 0), ("60000.001", -1131), ("5.0001", -1100)):
            # The client sends its own window with whatever it signs.
            at.client.REQUEST_RECVWINDOW = window
            if code:
                assert (await refused(at.client.get_account()))[0] == code
            else:
                assert (await at.client.get_account())["canTrade"]
        assert (await refused(at.client.get_order_book(symbol="BTCUSDT", limit=0)))[0] == -1100

    play(story)


def test_streams_named_in_the_url_are_counted(files: TlsFiles) -> None:
    """C-719: a connection that names more streams in its URL than one may read is refused."""
    venue = small_venue(ROWS)
    venue.limiter = Limiter(Limits(streams_max=2))

    async def story() -> None:
        async with served(venue, files) as at:
            names = ["btcusdt@kline_1m", "btcusdt@trade", "btcusdt@bookTicker"]
            url = "wss://stream.binance.com/stream?streams="
            async with at.client.session.ws_connect(url + "/".join(names[:2])):
                await at.until(lambda: at.server.subscriptions_open == 2)
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await at.client.session.ws_connect(url + "/".join(names))
            assert caught.value.status == 400

    run(story)
