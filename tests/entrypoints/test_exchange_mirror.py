"""`exchange serve --mirror`: a real venue (replayed on this machine) mirrored, served, and traded on by ccxt."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from decimal import Decimal
from pathlib import Path

import aiohttp
import ccxt.pro
import pytest

from tests.captures import Truth
from tests.contract.ccxt_kit import OPTIONS, ToLoopback
from tests.nouns import BTC
from tests.replay_kit import SPIN_S, ReplayVenue, files_in, replay_venue, spins
from tradepool.entrypoints import exchange_mirror
from tradepool.entrypoints.exchange import AskedExchange, serve_plan
from tradepool.entrypoints.exchange_run import _serve
from tradepool.runtime.clock import RealClock
from tradepool.simexchange.mirror_feed import MirrorUnreachable, Wire


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def wire_to(port: int | None, ca_file: Path | None) -> Wire:
    return Wire(f"https://127.0.0.1:{port}", f"wss://127.0.0.1:{port}", ca_file)


def test_the_real_book_is_served_and_traded_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = files_in(tmp_path)
    folder = tmp_path / "out"
    folder.mkdir()

    async def client_story(port: int, real: ReplayVenue) -> None:
        tls = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        connector = aiohttp.TCPConnector(ssl=tls, resolver=ToLoopback(port))
        async with aiohttp.ClientSession(connector=connector) as session:
            user = re.search(r'"apiKey": "(\w+)",\s+"secret": "(\w+)"', (folder / "client.py").read_text())
            assert user is not None
            client = ccxt.pro.binance(
                {"session": session, "ssl_context": tls, "number": Decimal, "options": OPTIONS,
                 "apiKey": user[1], "secret": user[2]}
            )  # fmt: skip
            book = await client.fetch_order_book("BTC/USDT")
            assert book["bids"][0][:2] == [Decimal(99), Decimal(1)]
            order = await client.create_order("BTC/USDT", "market", "buy", Decimal(2))
            assert order["average"] == Decimal("101.5")
            await client.close()

    async def tell() -> None:
        async with replay_venue([BTC], files) as (real, transport):
            real.truths["BTCUSDT"] = Truth(9, {"99.00000000": "1.0"}, {"101.00000000": "1.0", "102.00000000": "3.0"})
            monkeypatch.setitem(exchange_mirror.VENUES, "binance", wire_to(transport.loopback_port, files.ca_file))
            port = free_port()
            asked = AskedExchange(mirror="binance", symbols=["BTC/USDT"], port=port)
            plan = await asyncio.to_thread(serve_plan, asked, RealClock().now_ms())
            serving = asyncio.create_task(_serve(plan, folder, "none"))
            for _ in spins():
                if serving.done() or (folder / "client.mjs").exists():
                    break
                await asyncio.sleep(SPIN_S)
            try:
                assert not serving.done()
                await client_story(port, real)
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(tell())
    assert "BTC/USDT" in capsys.readouterr().out


def test_a_venue_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(exchange_mirror.VENUES, "binance", wire_to(free_port(), None))
    with pytest.raises(MirrorUnreachable, match="can't be reached at https://"):
        serve_plan(AskedExchange(mirror="binance"), 1_800_000_000_000)
