"""Keys, limits and wallets over the control door, as another process drives them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.contract.gate_kit import wallet_venue
from tests.simexchange.exchange_kit import START, flat, small_venue
from tests.simexchange.test_process import config_in
from tradepool.simexchange.control import Control
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.limits import BINANCE, Limits
from tradepool.simexchange.process import read_config, venue_of
from tradepool.simexchange.server import Server
from tradepool.simexchange.venue import Venue

Ask = Callable[..., Awaitable[Any]]


def drive(folder: Path, venue: Venue, story: Callable[[Ask], Awaitable[None]]) -> None:
    """Run a story with `await ask(path, body)` (POST) or `await ask(path)` (GET) at a venue's control door."""

    async def run() -> None:
        server = Server(venue, UnixSocket(str(folder / "v")))
        control = Control(venue, server, UnixSocket(str(folder / "c")))
        await control.start()
        connector = aiohttp.UnixConnector(str(folder / "c"))
        async with aiohttp.ClientSession("http://control", connector=connector) as session:

            async def ask(path: str, *body: object) -> Any:
                request = session.post(path, data=msgspec.json.encode(body[0])) if body else session.get(path)
                async with request as answer:
                    told = await answer.json()
                    assert (answer.status == 200) == ("error" not in told)
                    return told

            await story(ask)
        await control.stop()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_keys_over_the_control_door(tmp_path: Path) -> None:
    venue = small_venue(flat(2))
    public = Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    async def story(ask: Ask) -> None:
        made = await ask("/keys", {"account": "key", "key": "new", "secret": "s", "permissions": {"withdrawals": True}})
        assert made["permissions"]["withdrawals"]
        await ask("/keys", {"account": "key", "key": "ed", "public_key": pem})
        assert [each["key"] for each in (await ask("/keys"))["keys"]] == ["key", "new", "ed"]
        assert "secret" not in str(await ask("/keys"))
        narrowed = await ask(
            "/keys/allow", {"key": "new", "permissions": {"trading": False, "addresses": ["10.0.0.1"]}}
        )
        assert (narrowed["permissions"]["trading"], narrowed["permissions"]["withdrawals"]) == (False, False)
        await ask("/keys/revoke", {"key": "new"})
        for path, body, words in (
            ("/keys/revoke", {"key": "new"}, "revoked"),
            ("/keys", {"account": "key", "key": "x"}, "one proof"),
            ("/keys", {"account": "key", "key": "x", "public_key": "x"}, "Ed25519"),
            ("/keys", {"account": "nobody", "key": "x", "secret": "x"}, "No account"),
            ("/keys/allow", {"key": "key", "permissions": {"withdrawal": True}}, "withdrawal"),
            ("/keys", {}, "account"),
        ):
            assert words in (await ask(path, body))["error"]

    drive(tmp_path, venue, story)
    assert [key.name for key in venue.keys] == ["key", "ed"]


def test_limits_over_the_control_door(tmp_path: Path) -> None:
    venue = small_venue(flat(2))

    async def story(ask: Ask) -> None:
        assert "counts nothing" in (await ask("/bans", {"address": "a"}))["error"]
        assert (await ask("/limits", {}))["limits"]["weight_per_minute"] == 6_000
        assert venue.limiter is not None
        assert venue.limiter.limits == BINANCE
        await ask("/limits", {"weight_per_minute": 7})
        assert venue.limiter.limits == Limits(weight_per_minute=7)
        assert await ask("/bans", {"address": "a"}) == {"until_ms": START + 120_000}
        wrong: list[object] = [{"weight_per_minute": 0}, {"bans_s": []}, {"weight": 5}, 5]
        for each in wrong:
            assert "error" in await ask("/limits", each)
        assert await ask("/limits", None) == {"limits": None}
        assert await ask("/standing", {"account": "key", "can_trade": False}) == {
            "can_trade": False, "can_withdraw": True, "can_deposit": True,
        }  # fmt: skip

    drive(tmp_path, venue, story)
    assert venue.limiter is None


def test_wallets_over_the_control_door(tmp_path: Path) -> None:
    venue = wallet_venue()
    venue.step()

    async def story(ask: Ask) -> None:
        me = {"account": "key"}
        deposit = await ask("/deposits", me | {"asset": "ETH", "amount": "2", "credit_after_ms": 1_000})
        assert (deposit["units"], deposit["credited_ms"]) == (2 * 10**8, venue.now_ms + 1_000)
        await ask("/withdrawals", me | {"asset": "BTC", "amount": "1", "fee": "0.1", "rejected": True})
        await ask("/withdrawals", me | {"asset": "BTC", "amount": "1", "address": "bc1"})
        await ask("/transfers", me | {"source": "MAIN", "target": "FUNDING", "asset": "BTC", "amount": "3"})
        await ask("/dividends", me | {"asset": "BNB", "amount": "0.5", "why": "Launchpool"})
        dust = await ask("/dust", me | {"assets": ["USDT"]})
        assert dust["conversions"][0]["received_units"] == 196 * 10**8
        told = (await ask("/wallets"))["key"]
        assert {name: len(rows) for name, rows in told.items() if isinstance(rows, list)} == {
            "deposits": 1, "withdrawals": 2, "transfers": 1, "dividends": 1, "dust": 1, "elsewhere": 1,
        }  # fmt: skip
        assert told["elsewhere"] == [{"wallet": "FUNDING", "asset": "BTC", "units": 3 * 10**8}]
        for path, body, words in (
            ("/deposits", me | {"asset": "BTC", "amount": "-1"}, "-1 is no amount"),
            ("/withdrawals", me | {"asset": "BTC", "amount": "100"}, "are free"),
            ("/deposits", {"account": "nobody", "asset": "BTC", "amount": "1"}, "No account"),
            ("/dust", me | {"assets": ["DOGE"]}, "no price in BNB"),
            ("/dividends", me | {"asset": "BTC"}, "amount"),
        ):
            assert words in (await ask(path, body))["error"]

    drive(tmp_path, venue, story)
    assert {asset: free for asset, (free, _) in venue.balances("key").items()} == {
        "USDT": 0, "BTC": 6, "ETH": 0, "BNB": Decimal("196.5"),
    }  # fmt: skip


def test_a_process_is_started_with_limits(tmp_path: Path) -> None:
    path = config_in(tmp_path)
    assert venue_of(read_config(path), path).limiter is None
    config = msgspec.json.decode(path.read_bytes()) | {"limits": {"orders_per_day": 5}}
    path.write_bytes(msgspec.json.encode(config))
    limiter = venue_of(read_config(path), path).limiter
    assert limiter is not None
    assert limiter.limits == Limits(orders_per_day=5)


@pytest.mark.parametrize("name", ["/keys/nothing", "/wallet"])
def test_other_paths_are_not_there(tmp_path: Path, name: str) -> None:
    async def story(ask: Ask) -> None:
        assert "here" in (await ask(name, {}))["error"]

    drive(tmp_path, small_venue(flat(2)), story)
