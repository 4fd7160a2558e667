"""Keys and clocks as ccxt.pro's binance, unmodified and at its production URLs, meets them: C-317 to C-328, C-817."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import aiohttp
import ccxt.pro
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.contract.gate_kit import PAIR, Gated, tell
from tradepool.simexchange.keys import ApiKey, Permissions, ed25519_key
from tradepool.simexchange.tls import TlsFiles

REFUSED = r"-2015.*Invalid API-key, IP, or permissions for action\."
# ccxt says DDoSProtection for -2015 once the key has worked (reference/ccxt.md 2.3); both mean the same here.
DENIED = (ccxt.pro.AuthenticationError, ccxt.pro.DDoSProtection)


async def buy(client: Any) -> Any:
    """A small market buy."""
    return await client.create_order(PAIR, "market", "buy", Decimal("0.1"))


async def open_stream(running: Gated, session: aiohttp.ClientSession, key: str) -> tuple[Any, Any]:
    """Ask for a user stream without ccxt, which answers a refused one with a KeyError: the socket and the answer."""
    params = {"apiKey": key, "timestamp": running.venue.now_ms}
    text = urlencode(params)
    signature = hmac.new(b"secret", text.encode(), "sha256").hexdigest()
    socket = await session.ws_connect("https://ws-api.binance.com/ws-api/v3")
    ask = {"id": 1, "method": "userDataStream.subscribe.signature", "params": params | {"signature": signature}}
    await socket.send_json(ask)
    return socket, await socket.receive_json()


def test_a_clock_that_is_off_is_refused_both_ways(files: TlsFiles) -> None:
    """C-317: -1021 for 1,000 ms ahead and for more than recvWindow behind, to the millisecond."""

    async def story(running: Gated) -> None:
        ahead = r"-1021.*Timestamp for this request was 1000ms ahead of the server's time\."
        behind = r"-1021.*Timestamp for this request is outside of the recvWindow\."
        for skew, words in ((999, ""), (1_000, ahead), (-5_000, ""), (-5_001, behind)):
            client = running.client(options={"recvWindow": 5_000})
            client.milliseconds = lambda skew=skew: running.venue.now_ms + skew
            if words:
                with pytest.raises(ccxt.pro.InvalidNonce, match=words):
                    await client.private_get_account()
            else:
                await client.private_get_account()

    tell(story, files)


def test_a_receive_window_has_a_limit(files: TlsFiles) -> None:
    """C-318: recvWindow of 60,000 is the longest; -1131 above."""

    async def story(running: Gated) -> None:
        client = running.client()
        await client.private_get_account({"recvWindow": 60_000})
        with pytest.raises(ccxt.pro.BadRequest, match=r"-1131.*recvWindow must be less than 60000\."):
            await client.private_get_account({"recvWindow": 60_001})

    tell(story, files)


def test_the_venues_own_clock_may_be_off(files: TlsFiles) -> None:
    """C-319: the venue's clock is 10 s fast: who asks for its time and corrects itself is served, nobody else."""

    async def story(running: Gated) -> None:
        running.venue.clock_offset_ms = lambda: 10_001
        client = running.client()
        with pytest.raises(ccxt.pro.InvalidNonce, match="-1021"):
            await client.private_get_account()
        assert await client.load_time_difference() == -10_001
        client.options["timeDifference"] = -10_001
        client.nonce = lambda: client.milliseconds() - client.options["timeDifference"]
        await client.private_get_account()
        running.venue.clock_offset_ms = lambda: 0
        with pytest.raises(ccxt.pro.InvalidNonce, match="1000ms ahead"):
            await client.private_get_account()

    tell(story, files)


def test_a_revoked_key_stops_at_once(files: TlsFiles) -> None:
    """C-320: a key revoked mid-run is refused with -2015 and its user stream ends; the account's other key goes on."""

    async def story(running: Gated) -> None:
        running.key("second")
        first, second = running.client(), running.client("second")
        for client in (first, second):
            await client.authenticate()
            await buy(client)
        socket, opened = await open_stream(running, running.session, "key")
        assert opened["result"] == {"subscriptionId": 0}
        assert running.server.subscriptions_open == 3
        running.venue.keys.revoke("key")
        last = {"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": running.venue.now_ms}}
        assert await socket.receive_json() == last
        assert running.server.subscriptions_open == 1
        with pytest.raises(DENIED, match=REFUSED):
            await buy(first)
        await buy(second)

    assert len(tell(story, files).orders("key")) == 3


def test_a_narrowed_key_reads_on(files: TlsFiles) -> None:
    """C-321: a key that may no longer trade is refused orders and cancels, by REST and ws-api; it reads on."""

    async def story(running: Gated) -> None:
        client, keys = running.client(), running.venue.keys
        order = await client.create_order(PAIR, "limit", "buy", Decimal("0.1"), Decimal(50))
        keys.allow("key", Permissions(trading=False))
        asks: tuple[Callable[[], Awaitable[Any]], ...] = (
            lambda: buy(client),
            lambda: client.create_order_ws(PAIR, "market", "buy", Decimal("0.1")),
            lambda: client.cancel_order(order["id"], PAIR),
            lambda: client.cancel_order_ws(order["id"], PAIR),
        )
        for ask in asks:
            with pytest.raises(DENIED, match=REFUSED):
                await ask()
        assert len(await client.fetch_open_orders(PAIR)) == 1
        keys.allow("key", Permissions())
        await client.cancel_order(order["id"], PAIR)
        keys.allow("key", Permissions(reading=False))
        with pytest.raises(DENIED, match=REFUSED):
            await client.fetch_balance()

    tell(story, files)


def test_a_keys_trading_expires(files: TlsFiles) -> None:
    """C-322: trading ends at the key's expiry, reading does not; apiRestrictions tells when."""

    async def story(running: Gated) -> None:
        expiry = running.venue.now_ms + 60_000
        running.venue.keys.allow("key", Permissions(trading_until_ms=expiry))
        client = running.client()
        assert (await client.sapi_get_account_apirestrictions())["tradingAuthorityExpirationTime"] == expiry
        running.venue.pass_time(expiry - 1)
        await buy(client)
        running.venue.pass_time(expiry)
        with pytest.raises(DENIED, match=REFUSED):
            await buy(client)
        await client.fetch_balance()

    tell(story, files)


def test_a_keys_rights_are_told(files: TlsFiles) -> None:
    """C-323: apiRestrictions tells each right of the key that asks, under Binance's names."""

    async def story(running: Gated) -> None:
        running.key("dangerous", withdrawals=True, universal_transfer=True, addresses=("127.0.0.1",))
        plain = await running.client().sapi_get_account_apirestrictions()
        assert plain == {
            "ipRestrict": False,
            "createTime": running.venue.now_ms,
            "enableReading": True,
            "enableWithdrawals": False,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": False,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": True,
            "enablePortfolioMarginTrading": False,
        }
        other = await running.client("dangerous").sapi_get_account_apirestrictions()
        assert {name for name in plain if plain[name] != other[name]} == {
            "ipRestrict", "enableWithdrawals", "permitsUniversalTransfer",
        }  # fmt: skip

    tell(story, files)


def test_a_key_is_bound_to_addresses(files: TlsFiles) -> None:
    """C-324: a key with a list of addresses works from those and from nowhere else, on REST and on the ws-api."""

    async def story(running: Gated) -> None:
        running.key("bound", addresses=("127.0.0.5", "127.0.0.6"))
        for address in ("127.0.0.5", "127.0.0.6"):
            client = await running.client_from(address, key="bound")
            await client.fetch_balance()
            await client.authenticate()
        stranger = running.client("bound")
        with pytest.raises(ccxt.pro.AuthenticationError, match=REFUSED):
            await stranger.fetch_balance()
        refused = (await open_stream(running, running.session, "bound"))[1]
        assert (refused["status"], refused["error"]["code"]) == (401, -2015)

    tell(story, files)


def test_an_ed25519_key_trades(files: TlsFiles) -> None:
    """C-325: an Ed25519 key signs orders and the user stream; with another private half it is refused with -1022."""

    async def story(running: Gated) -> None:
        mine, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        public = mine.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        account = running.venue.account("key")
        running.venue.keys.add(ApiKey(name="ed", account=account, public_key=ed25519_key("ed", public)))
        pems = [key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode() for key in (mine, other)]
        client = running.client("ed", pems[0])
        fills: list[dict[str, Any]] = []
        client.handle_order_update = lambda _, message: fills.append(message)
        await client.authenticate()
        assert (await buy(client))["status"] == "closed"
        await running.until(lambda: fills)
        for secret in (pems[1], "secret"):
            with pytest.raises(ccxt.pro.AuthenticationError, match=r"-1022.*Signature for this request is not valid\."):
                await buy(running.client("ed", secret))

    assert len(tell(story, files).orders("key")) == 1


def test_no_key_and_a_strange_one(files: TlsFiles) -> None:
    """C-326: -2014 for a key of a wrong format, -2015 for one nobody made, -1022 for a wrong secret."""

    async def story(running: Gated) -> None:
        for key, secret, words in (
            ("k\u0065y!", "secret", r"-2014.*API-key format invalid\."),
            ("nobody", "secret", REFUSED),
            ("key", "wrong", "-1022"),
        ):
            with pytest.raises(ccxt.pro.AuthenticationError, match=words):
                await running.client(key, secret).fetch_balance()

    tell(story, files)


def test_only_a_key_with_that_right_moves_money_out(files: TlsFiles) -> None:
    """C-327: withdrawals and transfers are -1002 for a key without that right, and carried out for one with it."""

    async def story(running: Gated) -> None:
        running.key("dangerous", withdrawals=True, universal_transfer=True)
        asks: tuple[Callable[[Any], Awaitable[Any]], ...] = (
            lambda client: client.sapi_post_capital_withdraw_apply({"coin": "BTC", "address": "x", "amount": "1"}),
            lambda client: client.sapi_post_asset_transfer({"type": "MAIN_FUNDING", "asset": "BTC", "amount": "2"}),
        )
        for ask in asks:
            with pytest.raises((*DENIED, ccxt.pro.PermissionDenied), match=r"-1002.*You are not authorized"):
                await ask(running.client())
        assert running.venue.balances("key")["BTC"] == (Decimal(10), Decimal(0))
        for ask in asks:
            assert set(await ask(running.client("dangerous"))) & {"id", "tranId"}
        assert running.venue.balances("key")["BTC"] == (Decimal(7), Decimal(0))
        for params in ({"amount": "8"}, {"amount": "0"}, {"amount": "-1"}, {}):
            with pytest.raises(ccxt.pro.BaseError, match=r"-4026|-1100|-1102"):
                await running.client("dangerous").sapi_post_capital_withdraw_apply(
                    {"coin": "BTC", "address": "x"} | params
                )
        running.venue.account("key").can_withdraw = False
        with pytest.raises(ccxt.pro.BadRequest, match="-4019"):
            await asks[0](running.client("dangerous"))

    tell(story, files)


def test_an_account_that_may_not_trade(files: TlsFiles) -> None:
    """C-328: api/v3/account tells what the account may do; its orders are refused with -2010 while it may not trade."""

    async def story(running: Gated) -> None:
        client, account = running.client(), running.venue.account("key")
        told = await client.private_get_account()
        assert (told["canTrade"], told["canWithdraw"], told["canDeposit"], told["permissions"]) == (
            True, True, True, ["SPOT"],
        )  # fmt: skip
        account.can_trade = False
        assert not (await client.private_get_account())["canTrade"]
        with pytest.raises(ccxt.pro.ExchangeError, match=r"-2010.*This action is disabled on this account\."):
            await buy(client)

    assert not tell(story, files).orders("key")


def test_markets_load_with_ccxts_own_options(files: TlsFiles) -> None:
    """C-817: with keys and ccxt's own options (spot markets alone) everything that loading asks for is answered."""

    async def story(running: Gated) -> None:
        client = running.client(options={"fetchMarkets": {"types": ["spot"]}})
        assert client.options["fetchMargins"] is True
        market = (await client.load_markets())[PAIR]
        assert (market["spot"], market["margin"]) == (True, False)
        assert set(client.currencies) >= {"BTC", "USDT"}

    tell(story, files)
