"""Ping frames: every 20 s of a clock that runs by itself, on every connection, and none where a caller moves it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from tests.simexchange.exchange_kit import START, flat, small_venue
from tradepool.ports.clock import Clock
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.server import Server


class Running:
    """A clock that, to the server, runs by itself."""

    def __init__(self) -> None:
        """The hands are the test's."""
        self.hands = VirtualClock(START)

    def now_ms(self) -> int:
        """Virtual ms UTC."""
        return self.hands.now_ms()

    async def sleep(self, seconds: float) -> None:
        """Wait for virtual seconds."""
        await self.hands.sleep(seconds)


def seen_in_a_minute(folder: Path, clock: Clock, hands: VirtualClock) -> list[aiohttp.WSMsgType]:
    """What a client of both kinds of connection is sent in a minute, up to the answer to its last question."""
    seen: list[aiohttp.WSMsgType] = []

    async def story() -> None:
        path = str(folder / "venue.sock")
        server = Server(small_venue(flat(5)), UnixSocket(path), clock=clock)
        await server.start()
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:
            for url in ("http://stream.binance.com/ws", "http://ws-api.binance.com/ws-api/v3"):
                socket = await session.ws_connect(url, autoping=False)
                for _ in range(59):
                    hands.advance_to(hands.now_ms() + 1_000)
                    await asyncio.sleep(0)
                await socket.send_json({"id": 1, "method": "LIST_SUBSCRIPTIONS"})
                while (message := await socket.receive()).type is not aiohttp.WSMsgType.TEXT:
                    seen.append(message.type)
                    await socket.pong()
                await socket.close()
        await server.stop()

    asyncio.run(asyncio.wait_for(story(), 60))
    return seen


def test_a_clock_that_runs_pings_every_twenty_seconds(tmp_path: Path) -> None:
    """In 59 s a client is pinged at 20 and 40; the next connection, which lives to 118, at 60, 80 and 100."""
    clock = Running()
    assert seen_in_a_minute(tmp_path, clock, clock.hands) == [aiohttp.WSMsgType.PING] * 5


def test_a_clock_moved_by_hand_pings_nobody(tmp_path: Path) -> None:
    """A replay's frames are those of its steps."""
    clock = VirtualClock(START)
    assert seen_in_a_minute(tmp_path, clock, clock) == []
