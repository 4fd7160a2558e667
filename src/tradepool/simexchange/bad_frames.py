"""What a fault does to a stream's frame on its way to one connection: lost, late, twice, in another order, or untrue."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple, Protocol

import orjson

from tradepool.ports.clock import Clock
from tradepool.simexchange.codecs.websocket import MEDIUM_MAX, SHORT_MAX, text_frame
from tradepool.simexchange.faults import Faults, Place, Rule
from tradepool.simexchange.venue import Venue

MEDIUM, LONG = SHORT_MAX + 1, SHORT_MAX + 2
# A prefix of a frame's event tells the stream where its name is not sent along.
STREAM_OF = {"depthUpdate": "depth", "24hrTicker": "ticker", "24hrMiniTicker": "miniTicker", "trade": "trade"}
PRICES = {
    "kline": "ohlc",
    "bookTicker": "ba",
    "trade": "p",
    "aggTrade": "p",
    "24hrTicker": "cba",
    "24hrMiniTicker": "c",
}
GHOST_ID = 10**15
GOODBYE = 1001

Fields = dict[str, object]


class FrameLink(Protocol):
    """A connection as frame faults see it: `accounts` maps subscription numbers to accounts' first keys."""

    accounts: dict[int, str]
    held: list[bytes]
    late: list[bytes]

    def send(self, data: bytes) -> None:
        """Send bytes untouched."""
        ...

    def drop(self) -> None:
        """End the connection at once."""
        ...

    def leave(self, code: int) -> None:
        """Say goodbye and end the connection."""
        ...


class Frame(NamedTuple):
    """One text frame, read: `event` is the innermost object, `number` the user subscription's (None: a market's)."""

    raw: bytes
    message: object
    event: Fields
    stream: str
    number: int | None


class BadFrames:
    """Lets through what a server writes to its connections, except where a fault strikes."""

    def __init__(self, venue: Venue, faults: Faults, clock: Clock) -> None:
        """Nothing is late yet."""
        self._venue, self._faults, self._clock = venue, faults, clock
        self._late: set[asyncio.Task[None]] = set()

    def through(self, link: FrameLink, data: bytes) -> bytes:
        """What of some frames goes out now. Behind a late frame all others of its connection wait, as on a slow line."""
        now: list[bytes] = []
        out = link.late if link.late else now
        for raw in split_frames(data):
            frame = read_frame(raw)
            if frame.number is not None and frame.number not in link.accounts:
                continue
            rule = self._faults.on_frame(self._place(link, frame), self._venue.now_ms, raw)
            kind = rule.fault.kind if rule is not None else ""
            if rule is not None and kind == "cut":
                link.send(b"".join(now))
                self._cut(link, rule.fault.code)
                return b""
            if rule is not None and kind == "delayed" and not link.late:
                out = link.late
                self._send_later(link, rule.fault.delay_ms)
            if kind == "reordered":
                link.held.append(raw)
                continue
            out += self._changed(rule, link, frame) if rule is not None else [raw]
            if out and link.held:
                out += link.held
                link.held.clear()
        return b"".join(now)

    def close(self) -> None:
        """Forget what is late."""
        for task in self._late:
            task.cancel()

    def _place(self, link: FrameLink, frame: Frame) -> Place:
        market = str(frame.event.get("s", ""))
        if frame.number is None:
            return Place(frame.stream, market=market)
        key = link.accounts.get(frame.number, "")
        account = self._venue.accounts.get(key)
        return Place("user", key, account.index + 1 if account else 0, market)

    def _changed(self, rule: Rule, link: FrameLink, frame: Frame) -> list[bytes]:
        match rule.fault.kind:
            case "lost" | "silent":
                return []
            case "stale":
                return [] if frame.number is None else [frame.raw]
            case "doubled":
                return [frame.raw, frame.raw]
            case "spike":
                return [text_frame(orjson.dumps(_spiked(frame, rule.fault.multiple)))]
            case "ghost":
                return [frame.raw, *_ghosts(frame, rule.fault.state)]
            case "terminated" if frame.number is not None:
                link.accounts.pop(frame.number)
                event = {"e": "eventStreamTerminated", "E": self._venue.now_ms}
                return [text_frame(orjson.dumps({"subscriptionId": frame.number, "event": event}))]
        return [frame.raw]

    def _cut(self, link: FrameLink, code: int) -> None:
        if code == GOODBYE:
            link.leave(code)
        else:
            link.drop()

    def _send_later(self, link: FrameLink, delay_ms: int) -> None:
        async def send() -> None:
            await self._clock.sleep(delay_ms / 1000)
            link.send(b"".join(link.late))
            link.late.clear()

        task = asyncio.get_running_loop().create_task(send())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


def split_frames(data: bytes) -> Iterator[bytes]:
    r"""The frames that were written together.

    >>> list(split_frames(text_frame(b"a") + text_frame(b"b" * 200)))[0]
    b'\x81\x01a'
    """
    at = 0
    while at < len(data):
        head, size = 2, data[at + 1]
        if size == MEDIUM:
            head, size = 4, int.from_bytes(data[at + 2 : at + 4])
        elif size == LONG:
            head, size = 10, int.from_bytes(data[at + 2 : at + 10])
        yield data[at : at + head + size]
        at += head + size


def read_frame(raw: bytes) -> Frame:
    """What a frame says, and of which stream."""
    head = 2 if raw[1] <= SHORT_MAX else 4 if len(raw) - 4 <= MEDIUM_MAX else 10
    message = orjson.loads(raw[head:])
    if not isinstance(message, dict):
        return Frame(raw, message, {}, "!array", None)
    inner = message.get("event", message.get("data", message))
    event = inner if isinstance(inner, dict) else {}
    number = message.get("subscriptionId")
    stream = message.get("stream") or _stream_of(event)
    return Frame(raw, message, event, stream, number if isinstance(number, int) else None)


def _stream_of(event: Fields) -> str:
    """The stream an event comes from, as clients ask for it.

    >>> _stream_of({"e": "kline", "s": "BTCUSDT", "k": {"i": "1m"}}), _stream_of({"u": 1, "s": "BTCUSDT"})
    ('btcusdt@kline_1m', 'btcusdt@bookTicker')
    """
    name = str(event.get("e", "bookTicker"))
    candle = event.get("k")
    if name == "kline" and isinstance(candle, dict):
        name = f"kline_{candle.get('i')}"
    return f"{str(event.get('s', '')).lower()}@{STREAM_OF.get(name, name)}"


def _spiked(frame: Frame, multiple: int) -> object:
    """The message with its prices multiplied."""
    name = str(frame.event.get("e", "bookTicker"))
    prices = frame.event.get("k") if name == "kline" else frame.event
    if isinstance(prices, dict):
        for field in PRICES.get(name, ""):
            prices[field] = f"{Decimal(prices[field]) * multiple:f}"
    return frame.message


def _ghosts(frame: Frame, state: str) -> list[bytes]:
    """A report of a fill that never was, made from a true report; none where there is nothing to make it from."""
    event = frame.event
    if event.get("e") != "executionReport":
        return []
    price = next((event[name] for name in "LpP" if Decimal(str(event[name]))), "1")
    trade = {"x": "TRADE", "X": "FILLED", "l": event["q"], "z": event["q"], "L": price, "n": "0", "N": event["N"]}
    trade |= {"t": GHOST_ID, "I": GHOST_ID}
    if state == "order":
        trade |= {"i": GHOST_ID, "c": "ghost", "C": ""}
    message = {"subscriptionId": frame.number, "event": {**event, **trade}}
    return [text_frame(orjson.dumps(message))]
