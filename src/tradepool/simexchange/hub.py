"""Who listens to what: turns the venue's events into frames, once each, and hands every connection its share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from tradepool.simexchange.codecs.binance import market_streams, streams, user_stream
from tradepool.simexchange.codecs.binance.market_streams import ARRAYS, DIFFS, PARTS, Stream
from tradepool.simexchange.codecs.websocket import text_frame
from tradepool.simexchange.events import (
    DEPTH,
    NOTHING,
    AccountPosition,
    BalanceMoved,
    BookTicker,
    DepthShown,
    Event,
    ExecutionReport,
    KlineClosed,
    KlineShown,
    ListStatus,
    Printed,
    PublicEvent,
    TickerShown,
)
from tradepool.simexchange.venue import Venue


class Link(Protocol):
    """One WebSocket connection, written to without waiting."""

    def write(self, data: bytes) -> None:
        """Send bytes; a closed connection swallows them."""
        ...


class Hub:
    """An outlet of the venue. Frames of one step or request are gathered and written with one call a connection."""

    def __init__(self, venue: Venue) -> None:
        """Nobody listens yet."""
        self._venue = venue
        self._markets = {market.symbol.lower(): market for market in venue.markets}
        self._readers: dict[str, dict[Link, None]] = {}
        self._combined: set[Link] = set()
        self._topics: dict[str, Counter[str]] = {market.symbol: Counter() for market in venue.markets}
        self._wanted: dict[str, frozenset[str]] = dict.fromkeys(self._topics, NOTHING)
        # The book as the readers of its differences know it, from the moment of the first one.
        self._told: dict[str, DepthShown] = {}
        self._tickers: dict[str, dict[str, bytes]] = {}
        self._users: dict[str, dict[Link, int]] = {}
        self._opened_with: dict[tuple[Link, int], str] = {}
        self._gathered: dict[Link, list[bytes]] = {}
        self.frames = 0

    @property
    def subscriptions_open(self) -> int:
        """How many streams and user streams are being read, counted per connection."""
        return sum(map(len, self._readers.values())) + sum(map(len, self._users.values()))

    def knows(self, name: str) -> bool:
        """Whether there is a stream of that name."""
        return market_streams.read_stream(name, self._markets) is not None

    def subscribe(self, name: str, link: Link) -> None:
        """Send a stream, which must be known, to a connection."""
        stream = market_streams.read_stream(name, self._markets)
        assert stream is not None, "who subscribes has asked whether the stream is known"
        if name not in self._readers:
            self._readers[name] = {}
            self._count(stream, 1)
        self._readers[name][link] = None

    def unsubscribe(self, name: str, link: Link) -> None:
        """Send it no more."""
        links = self._readers.get(name, {})
        if link in links:
            del links[link]
            if not links:
                del self._readers[name]
                stream = market_streams.read_stream(name, self._markets)
                assert stream is not None, "what is read is known"
                self._count(stream, -1)

    def subscriptions(self, link: Link) -> list[str]:
        """Streams a connection gets."""
        return [name for name, links in self._readers.items() if link in links]

    def set_combined(self, link: Link, *, combined: bool) -> None:
        """Whether a connection gets each event with its stream's name around it."""
        (self._combined.add if combined else self._combined.discard)(link)

    def is_combined(self, link: Link) -> bool:
        """Whether it does."""
        return link in self._combined

    def open_user(self, key: str, link: Link, opened_with: str = "") -> int:
        """Send an account's events to a connection; answers with the subscription's number there.

        `opened_with` names the API key that proved the right to it: without that key the stream ends.
        """
        taken = {links[link] for links in self._users.values() if link in links}
        number = next(number for number in range(len(taken) + 1) if number not in taken)
        number = self._users.setdefault(key, {}).setdefault(link, number)
        self._opened_with[link, number] = opened_with
        return number

    def end_users(self, opened_with: str, time_ms: int) -> None:
        """End every user stream that was opened with an API key, and say so on it."""
        for (link, number), name in list(self._opened_with.items()):
            if name == opened_with:
                self._gather(link, text_frame(user_stream.user_envelope(number, user_stream.ended_text(time_ms))))
                self.close_users(link, number)
        self.flush()

    def has_user(self, link: Link) -> bool:
        """Whether a connection carries any user stream."""
        return any(link in links for links in self._users.values())

    def close_users(self, link: Link, number: int | None = None) -> None:
        """End a connection's user stream of that number, or all of them."""
        for key, links in list(self._users.items()):
            if link in links and number in (None, links[link]):
                self._opened_with.pop((link, links.pop(link)), None)
            if not links:
                del self._users[key]

    def forget(self, link: Link) -> None:
        """The connection is gone."""
        for name in self.subscriptions(link):
            self.unsubscribe(name, link)
        self._combined.discard(link)
        self.close_users(link)
        self._gathered.pop(link, None)

    # ---- the venue's side

    def wants(self, symbol: str) -> frozenset[str]:
        """What any connection reads of a market."""
        return self._wanted[symbol]

    def wants_account(self, key: str) -> bool:
        """Whether any connection reads the account's events."""
        return key in self._users

    def publish(self, event: Event) -> None:
        """Write the event once and gather it for everybody who reads it."""
        if isinstance(event, ExecutionReport):
            self._to_user(event.key, user_stream.report_text(event))
        elif isinstance(event, AccountPosition):
            self._to_user(event.key, user_stream.position_text(event))
        elif isinstance(event, BalanceMoved):
            for text in user_stream.balance_texts(event):
                self._to_user(event.key, text)
        elif isinstance(event, ListStatus):
            self._to_user(event.key, user_stream.list_text(event))
        else:
            self._publish_market(event)

    def flush(self) -> None:
        """Write what was gathered, in the order it was published."""
        for name, texts in self._tickers.items():
            self._to_stream(name, b"[%s]" % b",".join(texts.values()))
        self._tickers.clear()
        if self._gathered:
            gathered, self._gathered = self._gathered, {}
            for link, frames in gathered.items():
                link.write(b"".join(frames))

    def _publish_market(self, event: PublicEvent) -> None:
        symbol = event.market.symbol.lower()
        if isinstance(event, KlineClosed):
            interval = market_streams.own_interval(event.market)
            self._send(f"{symbol}@kline_{interval}", lambda: market_streams.closed_text(event))
        elif isinstance(event, KlineShown):
            self._send(f"{symbol}@kline_{event.interval}", lambda: market_streams.kline_text(event))
        elif isinstance(event, BookTicker):
            for name in (f"{symbol}@bookTicker", "!bookTicker"):
                self._send(name, lambda: market_streams.book_text(event))
        elif isinstance(event, DepthShown):
            self._publish_depth(symbol, event)
        elif isinstance(event, Printed):
            self._send(f"{symbol}@trade", lambda: market_streams.trade_text(event))
            self._send(f"{symbol}@aggTrade", lambda: market_streams.aggregate_text(event))
        else:
            self._publish_ticker(symbol, event)

    def _publish_depth(self, symbol: str, event: DepthShown) -> None:
        before = self._told.get(event.market.symbol)
        if before is not None and (text := market_streams.difference_text(before, event)):
            self._told[event.market.symbol] = event
            for what in DIFFS:
                self._to_stream(f"{symbol}@{what}", text)
        for what, levels in PARTS.items():
            if f"{symbol}@{what}" in self._readers:
                self._to_stream(f"{symbol}@{what}", market_streams.part_text(event, levels))

    def _publish_ticker(self, symbol: str, event: TickerShown) -> None:
        for what, write in (("ticker", market_streams.ticker_text), ("miniTicker", market_streams.mini_ticker_text)):
            one, every = f"{symbol}@{what}", [name for name in ARRAYS[what] if name in self._readers]
            if one in self._readers or every:
                text = write(event)
                self._to_stream(one, text)
                for name in every:
                    self._tickers.setdefault(name, {})[symbol] = text

    def _count(self, stream: Stream, change: int) -> None:
        """A stream is read from now on, or no more: what the venue is asked for follows."""
        for market in [stream.market] if stream.market else self._markets.values():
            topics = self._topics[market.symbol]
            topics[stream.topic] += change
            self._wanted[market.symbol] = frozenset(topic for topic, count in topics.items() if count)
            if not topics[DEPTH]:
                self._told.pop(market.symbol, None)
            elif market.symbol not in self._told:
                self._told[market.symbol] = self._venue.depth(market)

    def _send(self, name: str, text: Callable[[], bytes]) -> None:
        if name in self._readers:
            self._to_stream(name, text())

    def _to_stream(self, name: str, text: bytes) -> None:
        frames: dict[bool, bytes] = {}
        for link in self._readers.get(name, ()):
            combined = link in self._combined
            if combined not in frames:
                frames[combined] = text_frame(streams.combined(name, text) if combined else text)
            self._gather(link, frames[combined])

    def _to_user(self, key: str, text: bytes) -> None:
        for link, number in self._users.get(key, {}).items():
            self._gather(link, text_frame(user_stream.user_envelope(number, text)))

    def _gather(self, link: Link, frame: bytes) -> None:
        self.frames += 1
        self._gathered.setdefault(link, []).append(frame)
