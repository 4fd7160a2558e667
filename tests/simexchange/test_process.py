"""The venue as a process of its own, its control door, and what goes wrong when it starts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.simexchange.exchange_kit import MINUTE, START, bars, flat, market, small_venue
from tradepool.simexchange.door import Place, TcpPort, UnixSocket
from tradepool.simexchange.errors import BrokenConfig, CannotListen, PortInUse
from tradepool.simexchange.liquidity import Depth
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.process import main, place_of, read_config, venue_of, write_config
from tradepool.simexchange.records import Side
from tradepool.simexchange.rules import BINANCE_RULES, DEFAULT_RULES
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files

COUNT = 50


def config_in(folder: Path, tls_folder: Path | None = None) -> Path:
    """A configuration of one market and one account on two Unix sockets."""
    places: tuple[Place, Place] = (UnixSocket(str(folder / "v.sock")), UnixSocket(str(folder / "c.sock")))
    accounts = {"key": ("secret", {"USDT": Decimal(1000)})}
    listings = [Listing(market(), bars(flat(COUNT)))]
    return write_config(folder / "config.json", listings, accounts, places, tls_folder=tls_folder)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A venue process; what it said it listens on."""
    command = [sys.executable, "-m", "tradepool.simexchange.process", str(config_in(tmp_path))]
    path = os.pathsep.join((str(Path("src").resolve()), os.environ.get("PYTHONPATH", "")))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}) as child:
        assert child.stdout is not None
        word, _, places = child.stdout.readline().partition(" ")
        assert word == "ready"
        try:
            yield json.loads(places)
        finally:
            child.send_signal(signal.SIGTERM)
            assert child.wait(10) == 0


def test_a_process_is_stepped_over_its_control_door(process: dict[str, str]) -> None:
    async def story() -> None:
        venue, control = (process[name].removeprefix("unix:") for name in ("venue", "control"))
        async with (
            aiohttp.ClientSession("http://control", connector=aiohttp.UnixConnector(control)) as door,
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(venue)) as session,
            session.ws_connect("https://stream.binance.com/ws/btcusdt@kline_1m") as stream,
        ):

            async def post(path: str, body: object = None) -> Any:
                async with door.post(path, json=body) as answer:
                    return await answer.json()

            await stream.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            await stream.receive()
            assert await post("/step?count=3") == {
                "running": True,
                "now_ms": START + 3 * MINUTE,
                "next_ms": START + 3 * MINUTE,
            }
            assert [(await stream.receive_json())["k"]["t"] for _ in range(3)] == [START + n * MINUTE for n in range(3)]
            assert (await post("/bars?count=2"))["now_ms"] == START + 5 * MINUTE
            assert await post("/accounts", {"key": "new", "secret": "s", "balances": {"BTC": "1.5"}}) == {"key": "new"}
            assert "open already" in (await post("/accounts", {"key": "new", "secret": "s", "balances": {}}))["error"]
            for wrong in ("/step?count=x", "/step?count=-1", "/dance", "/accounts"):
                assert "error" in await post(wrong)
            async with door.get("/state") as answer:
                accounts = (await answer.json())["accounts"]
            assert accounts["key"]["balances"]["USDT"] == {"free": "1000.00000000", "locked": "0.00000000"}
            assert accounts["new"]["balances"]["BTC"]["free"] == "1.50000000"
            assert not (await post("/step?count=1000"))["running"]
            assert not (await post("/step?count=0"))["running"]

    asyncio.run(asyncio.wait_for(story(), 60))


def test_the_truth_of_an_account_is_told(tmp_path: Path) -> None:
    from tests.simexchange.test_binance_codec import ORDER, Client
    from tradepool.simexchange.control import state

    venue = small_venue(flat(3))
    client = Client(venue)
    client.ask("POST", "order", **ORDER, newClientOrderId="in")
    client.ask("POST", "order", **(ORDER | {"type": "STOP_LOSS", "side": "SELL", "stopPrice": "95"}))
    told: Any = json.loads(json.dumps(state(venue)))["accounts"]["key"]
    assert told["balances"]["BTC"] == {"free": "9.99900000", "locked": "1.00000000"}
    assert [(each["client_id"], each["type"], each["status"], each["stop_price"]) for each in told["orders"]] == [
        ("in", "MARKET", "FILLED", None),
        ("sim2", "STOP_LOSS", "NEW", "95.00"),
    ]
    assert told["trades"][0]["fee"] == "0.00100000"


def test_rules_and_depth_reach_a_process(tmp_path: Path) -> None:
    """A venue of its own is as strict and as deep as it was told to be, market by market."""
    places: tuple[Place, Place] = (TcpPort(), TcpPort())
    listings = [Listing(market(), bars(flat(COUNT)), BINANCE_RULES), Listing(market("ETH"), bars(flat(COUNT)))]
    depth = Depth(10, Decimal(200), levels=3)
    path = write_config(tmp_path / "config.json", listings, {}, places, depth=depth)
    venue = venue_of(read_config(path), path)
    assert [each.filters.rules for each in venue.markets] == [BINANCE_RULES, DEFAULT_RULES]
    assert [each.market for each in venue.markets] == [each.market for each in listings]
    assert len(venue.markets[0].liquidity.levels(Side.SELL, 9)) == 3
    for before, after in (('"price_tick":"0.01"', '"price_tick":"0"'), ('"quote_unit":"1E-8"', '"quote_unit":"NaN"')):
        text = path.read_text()
        path.write_text(text.replace(before, after))
        assert path.read_text() != text
        with pytest.raises(BrokenConfig):
            read_config(path)
        path.write_text(text)


def test_a_config_survives_the_way_to_disk_and_back(tmp_path: Path) -> None:
    path = config_in(tmp_path, tls_folder=tmp_path)
    venue = venue_of(read_config(path), path)
    assert venue.markets[0].market == market()
    assert (venue.markets[0].open_time == bars(flat(COUNT)).open_time).all()
    assert venue.balances("key")["USDT"] == (Decimal(1000), Decimal(0))


@pytest.mark.parametrize("text", ["", "{}", '{"listings": []}', "no json"])
def test_a_broken_config_is_one_line(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    assert main([str(path)]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert main([]) == 2


def test_places_and_candles_that_are_not_there(tmp_path: Path) -> None:
    for text in ("tcp:", "tcp:70000", "udp:1", "unix:"):
        with pytest.raises(BrokenConfig):
            place_of(text, tmp_path)
    path = config_in(tmp_path)
    (tmp_path / "BTCUSDT.npz").unlink()
    with pytest.raises(BrokenConfig, match=r"BTCUSDT\.npz"):
        venue_of(read_config(path), path)


def test_a_place_that_is_taken_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        for first in (UnixSocket(str(tmp_path / "s")), TcpPort()):
            server = Server(small_venue(flat(2)), first)
            place = await server.start()
            with pytest.raises(PortInUse, match=str(place)):
                await Server(small_venue(flat(2)), place).start()
            await server.stop()
            again = Server(small_venue(flat(2)), place)
            await again.start()
            await again.stop()

    asyncio.run(story())


def test_a_dead_servers_socket_is_taken_over_and_a_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def start(place: Place) -> None:
        server = Server(small_venue(flat(2)), place)
        await server.start()
        await server.stop()

    asyncio.run(start(UnixSocket(str(path))))
    assert not path.exists()
    path.write_text("precious")
    for place in (UnixSocket(str(path)), UnixSocket(str(tmp_path / "no" / "folder")), UnixSocket(f"/{'x' * 200}")):
        with pytest.raises(CannotListen):
            asyncio.run(start(place))
    assert path.read_text() == "precious"


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    files = make_tls_files(tmp_path)
    for path in (files.ca_file, files.certificate_file, files.key_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert make_tls_files(tmp_path) == files
    files.server_context()
    files.client_context()
