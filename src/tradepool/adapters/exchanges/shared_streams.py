"""User streams of many accounts over few connections: Binance's ws-api lets one connection carry many subscriptions.

A TLS connection for each of a thousand accounts would take some 60 KB each, and a quarter of an hour to come up under
the venue's limit of connection attempts. ccxt ignores subscription ids, so the frames are read here; what they say goes
to the same handlers, and an end is told to each account on the connection. A connection that does not answer our pings
has ended: without them one whose other end is gone without a word would be believed in for ever.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
import ccxt

from tradepool.adapters.exchanges import outcome
from tradepool.adapters.exchanges.ask import refused
from tradepool.domain.ids import AccountId
from tradepool.ports.exchange import OnLost, OutcomeUnknown

URL = "wss://ws-api.binance.com:443/ws-api/v3"
NAME = "user stream"
SUBSCRIBE, UNSUBSCRIBE = "userDataStream.subscribe.signature", "userDataStream.unsubscribe"
ANSWER_TIMEOUT_S = 30.0
# So long a venue that is gone may hold up the end.
GOODBYE_S = 2.0
FRAME_BYTES_MAX = 1024 * 1024
Hears = Mapping[str, Callable[[Any, Any], None]]
_BROKEN = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass(slots=True, eq=False)
class _Seat:
    """An account on a connection. `number` is its subscription there, None while it has none."""

    account: AccountId
    hears: Hears
    on_lost: OnLost
    line: _Line | None = None
    number: int | None = None


@dataclass(slots=True, eq=False)
class _Line:
    """One connection, who sits on it, and who waits for an answer."""

    socket: aiohttp.ClientWebSocketResponse
    taken: int = 0
    seats: dict[int, _Seat] = field(default_factory=dict)
    asked: dict[str, tuple[asyncio.Future[Any], _Seat]] = field(default_factory=dict)
    reading: asyncio.Task[None] | None = None


class SharedStreams:
    """All user streams of a session, at most `accounts_per_line` on a connection."""

    def __init__(self, http: aiohttp.ClientSession, accounts_per_line: int) -> None:
        """Nothing is connected before the first `open`."""
        self._http = http
        self._room = accounts_per_line
        self._lines: list[_Line] = []
        self._seats: dict[AccountId, _Seat] = {}
        self._numbers = count(1)
        self._connecting = asyncio.Lock()

    @property
    def connections(self) -> int:
        """How many connections stand."""
        return len(self._lines)

    async def open(
        self,
        client: Any,
        account: AccountId,
        hears: Hears,
        on_lost: OnLost,
        leave: Callable[[bool], Awaitable[None]],
    ) -> None:
        """Return once the venue streams an account's events, to those who hear each kind. `leave` is awaited before each
        subscription, and told whether a connection is tried for it. It is pinged as often as the client's own would be."""
        await self.close(account)
        seat = _Seat(account, hears, on_lost)
        try:
            seat.line = line = await self._line(leave, client.options["ws"]["keepAlive"] / 1_000)
            line.taken += 1
            self._seats[account] = seat
            params = {"apiKey": client.apiKey, "recvWindow": client.options["recvWindow"]}
            params |= {"timestamp": client.nonce(), "signature": ""}
            answer = await self._ask(line, seat, {"method": SUBSCRIBE, "params": params})
        except _BROKEN as error:
            await self.close(account)
            raise OutcomeUnknown(venue=client.id, request=NAME, message=type(error).__name__) from None
        if seat.number is None:
            await self.close(account)
            said = ccxt.ExchangeError(json.dumps(answer.get("error"), separators=(",", ":")))
            raise await refused(said, client, NAME, account)

    async def close(self, account: AccountId) -> None:
        """Leave; nobody is told. The last one closes the connection."""
        seat = self._seats.pop(account, None)
        line = seat.line if seat is not None else None
        if seat is None or line is None:
            return
        line.taken -= 1
        if (
            seat.number is not None
            and line.seats.pop(seat.number, None) is not None
            and line.taken
            and not line.socket.closed
        ):
            with suppress(*_BROKEN):
                await line.socket.send_str(
                    json.dumps({"id": "0", "method": UNSUBSCRIBE, "params": {"subscriptionId": seat.number}})
                )
        if not line.taken:
            await self._hang_up(line)

    async def end(self) -> None:
        """Say goodbye on every connection and hear the venue's; nobody is told, and who leaves afterwards has nothing to
        leave.

        Not one by one: the venue would answer each of fifty on a connection that is gone with the last of them.
        """
        lines, self._lines = self._lines, []
        self._seats.clear()
        await asyncio.gather(*(self._say_goodbye(line) for line in lines))

    async def _say_goodbye(self, line: _Line) -> None:
        line.seats.clear()
        with suppress(*_BROKEN):
            # Ends the reading, which hears the venue's.
            async with asyncio.timeout(GOODBYE_S):
                await line.socket.close()
                if line.reading is not None:
                    await line.reading

    async def _line(self, leave: Callable[[bool], Awaitable[None]], ping_s: float) -> _Line:
        async with self._connecting:
            while found := next((each for each in self._lines if each.taken < self._room), None):
                await leave(False)
                if found in self._lines:
                    return found
            await leave(True)
            line = _Line(await self._http.ws_connect(URL, max_msg_size=FRAME_BYTES_MAX, heartbeat=ping_s))
            line.reading = asyncio.create_task(self._read(line), name="user streams")
            self._lines.append(line)
            return line

    async def _hang_up(self, line: _Line) -> None:
        if line in self._lines:
            self._lines.remove(line)
        if line.reading is not None and line.reading is not asyncio.current_task():
            line.reading.cancel()
        with suppress(*_BROKEN):
            await line.socket.close()

    async def _ask(self, line: _Line, seat: _Seat, request: dict[str, Any]) -> Any:
        name = str(next(self._numbers))
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        line.asked[name] = (answered, seat)
        try:
            await line.socket.send_str(json.dumps({"id": name, **request}))
            return await asyncio.wait_for(answered, ANSWER_TIMEOUT_S)
        finally:
            line.asked.pop(name, None)

    # ---- what is heard

    async def _read(self, line: _Line) -> None:
        """Until the connection ends, or says what makes no sense: then everybody on it is told."""
        why = "the connection ended"
        try:
            async for message in line.socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(line, json.loads(message.data))
        except outcome.NONSENSE as error:
            why = f"a frame makes no sense: {type(error).__name__}"
        if line in self._lines:
            self._lines.remove(line)
        for answered, _ in line.asked.values():
            if not answered.done():
                answered.set_exception(ConnectionError(why))
        for seat in list(line.seats.values()):
            self._end(seat, why)
        with suppress(*_BROKEN):
            await line.socket.close()

    def _take(self, line: _Line, frame: Any) -> None:
        if "event" in frame:
            seat = line.seats.get(frame["subscriptionId"])
            if seat is not None:
                self._tell(seat, frame["event"])
            return
        waiting = line.asked.get(str(frame["id"]))
        if waiting is None or waiting[0].done():
            return
        answered, seat = waiting
        result = frame.get("result")
        if isinstance(result, dict) and isinstance(result.get("subscriptionId"), int):
            # Here, and not where the answer is awaited: the next frame may be this account's first event.
            seat.number = result["subscriptionId"]
            line.seats[seat.number] = seat
        answered.set_result(frame)

    def _tell(self, seat: _Seat, event: Any) -> None:
        """An account's event; one that makes no sense ends this account's stream and no other."""
        try:
            kind = event["e"]
            if kind in seat.hears:
                seat.hears[kind](None, event)
            elif kind == "eventStreamTerminated":
                self._end(seat, "the venue ended it")
        except outcome.NONSENSE as error:
            self._end(seat, f"a frame makes no sense: {type(error).__name__}")

    def _end(self, seat: _Seat, why: str) -> None:
        line = seat.line
        if line is not None and seat.number is not None and line.seats.pop(seat.number, None) is seat:
            seat.number = None
            seat.on_lost(why)
