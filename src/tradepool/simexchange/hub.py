"""Who listens to what: turns the venue's events into frames, once each, and hands every connection its share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tradepool.simexchange.codecs.binance import market_streams, streams, user_stream
from tradepool.simexchange.codecs.websocket import text_frame
from tradepool.simexchange.events import AccountPosition, BalanceMoved, Event, ExecutionReport, KlineClosed
from tradepool.simexchange.listing import ListedMarket


class Link(Protocol):
    """One WebSocket connection, written to without waiting."""

    def write(self, data: bytes) -> None:
        """Send bytes; a closed connection swallows them."""
        ...


class Hub:
    """An outlet of the venue. Frames of one step or request are gathered and written with one call a connection."""

    def __init__(self, markets: Sequence[ListedMarket]) -> None:
        """Nobody listens yet; the names of all streams are known."""
        self._kline_names = {market.symbol: market_streams.kline_stream(market) for market in markets}
        self._book_names = {market.symbol: market_streams.book_stream(market) for market in markets}
        self._streams: dict[str, dict[Link, bool]] = {
            name: {} for names in (self._kline_names, self._book_names) for name in names.values()
        }
        self._users: dict[str, dict[Link, int]] = {}
        self._opened_with: dict[tuple[Link, int], str] = {}
        self._gathered: dict[Link, list[bytes]] = {}
        self.frames = 0

    @property
    def names(self) -> Sequence[str]:
        """Every stream there is."""
        return tuple(self._streams)

    @property
    def subscriptions_open(self) -> int:
        """How many streams and user streams are being read, counted per connection."""
        return sum(len(links) for links in self._streams.values()) + sum(len(links) for links in self._users.values())

    def subscribe(self, name: str, link: Link, *, combined: bool) -> None:
        """Send a stream to a connection, `combined` with its name around each event."""
        self._streams[name][link] = combined

    def unsubscribe(self, name: str, link: Link) -> None:
        """Send it no more."""
        self._streams[name].pop(link, None)

    def subscriptions(self, link: Link) -> list[str]:
        """Streams a connection gets."""
        return [name for name, links in self._streams.items() if link in links]

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

    def close_users(self, link: Link, number: int | None = None) -> None:
        """End a connection's user stream of that number, or all of them."""
        for key, links in list(self._users.items()):
            if link in links and number in (None, links[link]):
                self._opened_with.pop((link, links.pop(link)), None)
            if not links:
                del self._users[key]

    def forget(self, link: Link) -> None:
        """The connection is gone."""
        for links in self._streams.values():
            links.pop(link, None)
        self.close_users(link)
        self._gathered.pop(link, None)

    # ---- the venue's side

    def wants_klines(self, symbol: str) -> bool:
        """Whether any connection reads the market's candles."""
        return bool(self._streams[self._kline_names[symbol]])

    def wants_book(self, symbol: str) -> bool:
        """Whether any connection reads the market's best prices."""
        return bool(self._streams[self._book_names[symbol]])

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
        elif isinstance(event, KlineClosed):
            self._to_stream(self._kline_names[event.market.symbol], market_streams.kline_text(event))
        else:
            self._to_stream(self._book_names[event.market.symbol], market_streams.book_text(event))

    def flush(self) -> None:
        """Write what was gathered, in the order it was published."""
        if self._gathered:
            gathered, self._gathered = self._gathered, {}
            for link, frames in gathered.items():
                link.write(b"".join(frames))

    def _to_stream(self, name: str, text: bytes) -> None:
        frames: dict[bool, bytes] = {}
        for link, combined in self._streams[name].items():
            if combined not in frames:
                frames[combined] = text_frame(streams.combined(name, text) if combined else text)
            self._gather(link, frames[combined])

    def _to_user(self, key: str, text: bytes) -> None:
        for link, number in self._users.get(key, {}).items():
            self._gather(link, text_frame(user_stream.user_envelope(number, text)))

    def _gather(self, link: Link, frame: bytes) -> None:
        self.frames += 1
        self._gathered.setdefault(link, []).append(frame)
