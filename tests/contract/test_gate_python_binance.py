"""The gate and the wallets through python-binance, another client: the venue is not tuned to ccxt."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from binance import AsyncClient
from binance.exceptions import BinanceAPIException
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.contract.ccxt_kit import ToLoopback
from tests.contract.gate_kit import Gated, tell
from tests.simexchange.exchange_kit import START
from tradepool.simexchange.keys import ApiKey, Permissions, ed25519_key
from tradepool.simexchange.limits import Limits
from tradepool.simexchange.tls import TlsFiles


class Other:
    """python-binance's client, its clock set to the venue's before each call."""

    def __init__(self, running: Gated, key: str = "key", **secret: Any) -> None:
        """Lead it to the venue."""
        connector = aiohttp.TCPConnector(ssl=running.tls, resolver=ToLoopback(running.port))
        given = secret or {"api_secret": "secret"}
        self._client = AsyncClient(api_key=key, session_params={"connector": connector}, **given)
        self._venue = running.venue

    async def ask(self, method: str, **params: Any) -> Any:
        """One call of the client's."""
        self._client.timestamp_offset = self._venue.clock_ms() - int(time.time() * 1000)
        return await getattr(self._client, method)(**params)

    @property
    def headers(self) -> Any:
        """Headers of the last answer."""
        return self._client.response.headers

    async def __aenter__(self) -> Other:
        """Open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close its connections."""
        await self._client.close_connection()


ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50"}


def test_weights_orders_and_refusals(files: TlsFiles) -> None:
    """C-708: used weight and order counts in the headers, -1015 and -1003 with 429 and Retry-After."""

    async def story(running: Gated) -> None:
        async with Other(running) as other:
            account = await other.ask("get_account")
            assert account["canTrade"]
            assert other.headers["X-MBX-USED-WEIGHT-1M"] == "20"
            await other.ask("create_order", **ORDER)
            assert other.headers["X-MBX-ORDER-COUNT-10S"] == "1"
            with pytest.raises(BinanceAPIException) as many:
                await other.ask("create_order", **ORDER)
            assert (many.value.status_code, many.value.code) == (429, -1015)
            await other.ask("get_account")
            with pytest.raises(BinanceAPIException) as heavy:
                await other.ask("get_account")
            assert (heavy.value.status_code, heavy.value.code) == (429, -1003)
            assert other.headers["Retry-After"] == "60"

    tell(story, files, Limits(weight_per_minute=60, orders_per_10_seconds=1))


def test_keys(files: TlsFiles) -> None:
    """C-709: an Ed25519 key signs, apiRestrictions tells what it may, and what it may not is refused."""

    async def story(running: Gated) -> None:
        mine, keys = Ed25519PrivateKey.generate(), running.venue.keys
        public = mine.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        keys.add(ApiKey(name="ed", account=running.venue.account("key"), public_key=ed25519_key("ed", public)))
        pem = mine.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        async with Other(running, "ed", private_key=pem) as other:
            assert (await other.ask("create_order", **ORDER))["status"] == "NEW"
            keys.allow("ed", Permissions(trading=False))
            assert not (await other.ask("get_account_api_permissions"))["enableSpotAndMarginTrading"]
            with pytest.raises(BinanceAPIException) as refused:
                await other.ask("create_order", **ORDER)
            assert (refused.value.status_code, refused.value.code) == (401, -2015)
            with pytest.raises(BinanceAPIException) as refused:
                await other.ask("withdraw", coin="BTC", address="x", amount=1)
            assert refused.value.code == -1002

    tell(story, files)


def test_wallets(files: TlsFiles) -> None:
    """C-710: deposits, withdrawals, transfers, dividends and dust, done and listed."""

    async def story(running: Gated) -> None:
        wallet, account = running.venue.wallet, running.venue.account("key")
        keys = running.venue.keys
        keys.allow("key", Permissions(universal_transfer=True, withdrawals=True))
        wallet.deposit(account, "BTC", Decimal(2), START)
        wallet.pay_dividend(account, "BNB", Decimal(1), START)
        async with Other(running) as other:
            assert [row["amount"] for row in await other.ask("get_deposit_history", coin="BTC")] == ["2.00000000"]
            await other.ask("withdraw", coin="BTC", address="bc1", amount=1)
            assert [row["status"] for row in await other.ask("get_withdraw_history")] == [6]
            await other.ask("make_universal_transfer", type="MAIN_FUNDING", asset="BTC", amount="3")
            moved = await other.ask("query_universal_transfer_history", type="MAIN_FUNDING")
            assert (moved["total"], moved["rows"][0]["amount"]) == (1, "3.00000000")
            assert (await other.ask("get_asset_dividend_history"))["total"] == 1
            assert (await other.ask("transfer_dust", asset="USDT"))["totalTransfered"] == "196.00000000"
            assert (await other.ask("get_dust_log"))["total"] == 1
            coins = {row["coin"]: row["free"] for row in await other.ask("get_all_coins_info")}
            assert coins == {
                "USDT": "0.00000000", "BTC": "8.00000000", "ETH": "0.00000000", "BNB": "197.00000000"
            }  # fmt: skip
            assert (await other.ask("get_trade_fee", symbol="BTCUSDT"))[0]["takerCommission"] == "0.00100000"
            assert (await other.ask("get_system_status"))["status"] == 0

    tell(story, files)
