"""Faults on the ws-api, over a real connection: the same path as over REST, and nothing hides what was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.simexchange.exchange_kit import flat, small_venue
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.limits import BINANCE, Limiter
from tradepool.simexchange.server import Server
from tradepool.simexchange.venue import Venue

Socket = aiohttp.ClientWebSocketResponse
ENDED = {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.ERROR}


def conversation(folder: Path, fault: Fault, story: Callable[[Venue, Socket], Awaitable[None]]) -> Server:
    """A client on the ws-api of a venue that counts, with one fault in force."""
    venue = small_venue(flat(5))
    venue.limiter = Limiter(BINANCE)

    async def run() -> Server:
        server = Server(venue, UnixSocket(str(folder / "v")))
        await server.start()
        server.faults.add(fault)
        connector = aiohttp.UnixConnector(str(folder / "v"))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.ws_connect("http://ws-api.binance.com/ws-api/v3") as socket,
        ):
            await story(venue, socket)
        await server.stop()
        return server

    return asyncio.run(asyncio.wait_for(run(), 60))


async def ask(socket: Socket, method: str, number: int = 1) -> Any:
    """One request and its answer."""
    await socket.send_json({"id": number, "method": method})
    return await socket.receive_json()


@pytest.mark.parametrize(
    ("kind", "status", "code"), [("too_many", 429, -1003), ("banned", 418, -1003), ("maintenance", 503, -1016)]
)
def test_a_closed_venue_says_so_on_the_ws_api(tmp_path: Path, kind: str, status: int, code: int) -> None:
    async def story(venue: Venue, socket: Socket) -> None:
        said = await ask(socket, "time")
        assert (said["status"], said["error"]["code"]) == (status, code)
        if kind != "maintenance":
            assert said["error"]["data"]["retryAfter"] == venue.now_ms + 60_000
        assert (await ask(socket, "time", 2))["status"] == 200

    conversation(tmp_path, Fault(kind=kind, route="WS time", last=1), story)


@pytest.mark.parametrize("kind", ["late", "latency"])
def test_an_answer_waits_while_its_connection_goes_on(tmp_path: Path, kind: str) -> None:
    async def story(venue: Venue, socket: Socket) -> None:
        began_ms = venue.now_ms
        await socket.send_json({"id": 1, "method": "time"})
        assert (await ask(socket, "ping", 2))["id"] == 2
        venue.run_until(began_ms + 2_000)
        said = await socket.receive_json()
        assert said["id"] == 1
        # Taken at once and told later, or taken later.
        assert said["result"]["serverTime"] == began_ms + (2_000 if kind == "latency" else 0)

    conversation(tmp_path, Fault(kind=kind, route="WS time", delay_ms=1_500, spread=1.0), story)


def test_a_refused_request_is_struck_too(tmp_path: Path) -> None:
    """The venue would refuse the order; the fault was asked for, so nobody hears it, and its weight is used."""

    async def story(venue: Venue, socket: Socket) -> None:
        used = used_by(venue)
        await socket.send_json({"id": 1, "method": "order.status"})
        assert (await socket.receive()).type in ENDED
        assert used_by(venue) > used

    server = conversation(tmp_path, Fault(kind="reset", route="WS order.*", accepted=True), story)
    assert [rule.struck.total() for rule in server.faults] == [1]


def test_silence_ends_with_a_reset_when_its_time_is_over(tmp_path: Path) -> None:
    async def story(venue: Venue, socket: Socket) -> None:
        await socket.send_json({"id": 1, "method": "time"})
        assert (await ask(socket, "ping", 2))["id"] == 2
        venue.run_until(venue.now_ms + 5_000)
        assert (await socket.receive()).type in ENDED

    conversation(tmp_path, Fault(kind="silence", route="WS time", delay_ms=5_000), story)


def used_by(venue: Venue) -> int:
    """Weight used by everybody now."""
    assert venue.limiter is not None
    return venue.limiter.weight.count("local", venue.now_ms)
