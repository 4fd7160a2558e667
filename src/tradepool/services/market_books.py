"""Order books, prints and best prices of one venue: subscribed to once, read by everybody.

A book is either whole, then it is what the venue's was after update `last_id`, or suspended, then `why` says for what:
it waits for a snapshot, updates are missing, its prices crossed, its frames make no sense, it was silent, the connection
is gone. The stream only files what comes; `run` asks for snapshots, one after the other, until every book is whole.

Silence proves nothing on a quiet market. A book that was silent for SILENCE_S is suspended and compared with the
venue's: the same update number makes it whole again, another one that the stream does not tell of either ends the stream.

Prints are numbered too: over a hole they are held until those in between were asked for, so that readers hear each once
and in order; `prints_missed` counts what the venue did not show any more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tradepool.core.matching.book_sync import BookSync
from tradepool.core.matching.depth_book import DepthBook
from tradepool.domain.depth import BookDiff
from tradepool.domain.errors import TradepoolError, VenueError
from tradepool.domain.ids import MarketId
from tradepool.domain.market import Market
from tradepool.domain.quote import Quote
from tradepool.domain.trade_tick import TradeTick
from tradepool.ports.clock import Clock
from tradepool.ports.market_stream import MarketEars, MarketStream
from tradepool.runtime import telemetry
from tradepool.services.backoff import Backoff, Reconnecting

SILENCE_S = 30.0
GRACE_S = 1.0
PRINTS_HELD_MAX = 10_000
MS_PER_S = 1_000

log = telemetry.logger(__name__)


class BookSuspended(TradepoolError):
    """The order book of {market} is suspended: {why}; wait until it is whole again."""

    transient = True


class NotFollowed(TradepoolError):
    """The order book of {market} is not followed here; name the market when the books are opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookState:
    """How a book stands: `why` is empty while it is whole, `age_ms` counts from the last word of the venue on it.

    Since the start, `gaps` counts how often the book's stream left something out, `prints_missed` the prints that
    were neither streamed nor to be had afterwards.
    """

    why: str
    age_ms: int
    gaps: int
    prints_missed: int


@dataclass(slots=True)
class _Followed:
    """A market, its book, when it was last heard of, its newest quote and print, and who listens."""

    market: Market
    heard_ms: int
    sync: BookSync = field(default_factory=BookSync)
    asked: bool = False
    quote: Quote | None = None
    last_print: int | None = None
    held: list[TradeTick] = field(default_factory=list)
    prints_missed: int = 0
    on_trade: list[Callable[[TradeTick], None]] = field(default_factory=list)
    on_change: list[Callable[[], None]] = field(default_factory=list)


class MarketBooks:
    """Follows markets of one venue for everybody; `run` it until it is cancelled."""

    def __init__(self, stream: MarketStream, clock: Clock, markets: Sequence[Market]) -> None:
        """Nothing is subscribed to before `run`."""
        self._stream = stream
        self._clock = clock
        self._followed = {market.id: _Followed(market, clock.now_ms()) for market in markets}
        self._reconnecting = Reconnecting(clock)
        self._between_snapshots = Backoff(clock)
        self._asks: deque[_Followed] = deque()
        self._wake = asyncio.Event()
        self._lost, self._running = "", False

    # ---- whom it follows

    def add(self, markets: Sequence[Market]) -> None:
        """Follow more markets; all those added before `run` goes on cost one new subscription, and every book a snapshot:
        until then they are suspended, as after a lost connection."""
        new = [market for market in markets if market.id not in self._followed]
        self._followed |= {market.id: _Followed(market, self._clock.now_ms()) for market in new}
        if new and self._running:
            self._on_lost("markets were added")

    def remove(self, market: MarketId) -> None:
        """Follow a market no longer: its listeners hear nothing more. Its frames end with the next subscription."""
        followed = self._find(market)
        del self._followed[market]
        if followed in self._asks:
            self._asks.remove(followed)

    # ---- reading

    def book(self, market: MarketId) -> DepthBook:
        """The book as it is now, not to be changed and not to be kept over an `await`; BookSuspended says why not."""
        followed = self._find(market)
        if followed.sync.why:
            raise BookSuspended(market=market, why=followed.sync.why)
        return followed.sync.book

    def state(self, market: MarketId) -> BookState:
        """Whether the book is whole, and how old what is known of it is."""
        followed = self._find(market)
        return BookState(
            why=followed.sync.why,
            age_ms=self._clock.now_ms() - followed.heard_ms,
            gaps=followed.sync.gaps,
            prints_missed=followed.prints_missed,
        )

    def quote(self, market: MarketId) -> Quote | None:
        """The newest best prices; None while they are not known, after a loss too. Their time says how old they are."""
        return self._find(market).quote

    def listen(
        self,
        market: MarketId,
        *,
        on_trade: Callable[[TradeTick], None] | None = None,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        """Hear of every print, and of every change of the book or of whether it is whole. Listeners must not raise."""
        followed = self._find(market)
        followed.on_trade += [on_trade] if on_trade else []
        followed.on_change += [on_change] if on_change else []

    def _find(self, market: MarketId) -> _Followed:
        if market not in self._followed:
            raise NotFollowed(market=market)
        return self._followed[market]

    # ---- what the stream files

    def _on_diff(self, diff: BookDiff) -> None:
        followed = self._followed.get(diff.market)
        if followed is None:
            return
        followed.heard_ms = self._clock.now_ms()
        if not followed.sync.take(diff) or followed.sync.near_edge:
            self._ask_for(followed)
        self._tell(followed)

    def _on_trade(self, trade: TradeTick) -> None:
        """Numbers without a hole are told on; over a hole all prints are held until those in between were asked for."""
        followed = self._followed.get(trade.market)
        if followed is None:
            return
        if followed.held or (followed.last_print is not None and trade.trade_id > followed.last_print + 1):
            followed.held.append(trade)
            self._wake.set()
            if len(followed.held) >= PRINTS_HELD_MAX:
                self._release(followed, ())
        else:
            self._tell_print(followed, trade)

    @staticmethod
    def _tell_print(followed: _Followed, trade: TradeTick) -> None:
        if followed.last_print is not None:
            if trade.trade_id <= followed.last_print:
                return
            followed.prints_missed += trade.trade_id - followed.last_print - 1
        followed.last_print = trade.trade_id
        for tell in followed.on_trade:
            tell(trade)

    def _on_quote(self, quote: Quote) -> None:
        if quote.market in self._followed:
            self._followed[quote.market].quote = quote

    def _on_bad(self, market: MarketId, why: str) -> None:
        if market in self._followed:
            self._suspend(self._followed[market], why)

    def _on_lost(self, why: str) -> None:
        self._lost = why or "lost"
        for followed in self._followed.values():
            followed.quote = None
            self._suspend(followed, f"stream lost: {self._lost}")
        self._wake.set()

    def _suspend(self, followed: _Followed, why: str) -> None:
        followed.sync.suspend(why)
        self._ask_for(followed)
        self._tell(followed)

    def _ask_for(self, followed: _Followed) -> None:
        if not followed.asked and self._followed.get(followed.market.id) is followed:
            why = followed.sync.why or "its best price nears the last one known"
            log.info("an order book needs a snapshot", market=followed.market.id, why=why)
            followed.asked = True
            self._asks.append(followed)
            self._wake.set()

    @staticmethod
    def _tell(followed: _Followed) -> None:
        for tell in followed.on_change:
            tell()

    # ---- what mends it

    async def run(self) -> None:
        """Subscribe, make every book whole and keep it so, until cancelled."""
        ticking = asyncio.create_task(self._tick(), name="silence")
        self._running = True
        try:
            await self._subscribe()
            while True:
                if self._lost:
                    log.warning("order book stream lost", why=self._lost)
                    await self._reconnecting.before_try()
                    await self._subscribe()
                elif holding := next((each for each in self._followed.values() if each.held), None):
                    await self._fetch_prints(holding)
                elif self._asks:
                    await self._mend(self._asks.popleft())
                elif silent := self._silent():
                    await self._compare(silent)
                else:
                    await self._wake.wait()
                    self._wake.clear()
        finally:
            self._running = False
            ticking.cancel()

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(SILENCE_S / 2)
            self._wake.set()

    async def _subscribe(self) -> None:
        ears = MarketEars(on_bad=self._on_bad, on_diff=self._on_diff, on_trade=self._on_trade, on_quote=self._on_quote)
        self._lost = ""
        try:
            await self._stream.subscribe([each.market for each in self._followed.values()], ears, self._on_lost)
        except VenueError as error:
            self._on_lost(str(error))
            return
        self._reconnecting.connected()
        for followed in self._followed.values():
            self._ask_for(followed)

    async def _mend(self, followed: _Followed) -> None:
        """A snapshot for one book; if that does not make it whole it is the last one's turn again, a little later."""
        followed.asked = False
        if followed.sync.whole and not followed.sync.near_edge:
            return
        followed.sync.refresh()
        whole = False
        try:
            snapshot = await self._stream.snapshot(followed.market)
            # What was lost meanwhile is asked for again, after the new subscription.
            whole = not self._lost and followed.sync.restart(snapshot)
        except VenueError as error:
            log.warning("no snapshot of an order book", market=followed.market.id, error=str(error))
        if whole:
            self._between_snapshots.reset()
            followed.heard_ms = self._clock.now_ms()
            # The venue tells best prices when they change; on a quiet market that may be long after the book was whole.
            followed.quote = followed.quote or _best_of(followed.market, followed.sync.book, followed.heard_ms)
            self._tell(followed)
            return
        self._ask_for(followed)
        if not self._lost:
            await self._between_snapshots.wait()

    async def _fetch_prints(self, followed: _Followed) -> None:
        """Ask once for what lies between the last print told and the first one held; what is not there was missed."""
        between: Sequence[TradeTick] = ()
        try:
            between = await self._stream.prints(followed.market)
        except VenueError as error:
            log.warning("prints of a gap can't be had", market=followed.market.id, error=str(error))
        self._release(followed, between)

    def _release(self, followed: _Followed, between: Sequence[TradeTick]) -> None:
        held, followed.held = followed.held, []
        for trade in [*(each for each in between if held and each.trade_id < held[0].trade_id), *held]:
            self._tell_print(followed, trade)

    def _silent(self) -> _Followed | None:
        limit_ms = self._clock.now_ms() - int(SILENCE_S * MS_PER_S)
        return next((each for each in self._followed.values() if each.sync.whole and each.heard_ms <= limit_ms), None)

    async def _compare(self, followed: _Followed) -> None:
        last_id, heard_ms = followed.sync.book.last_id, followed.heard_ms
        followed.sync.suspend(f"silent for {(self._clock.now_ms() - heard_ms) // MS_PER_S} s")
        self._tell(followed)
        try:
            snapshot = await self._stream.snapshot(followed.market)
            if snapshot.last_id != last_id and followed.heard_ms == heard_ms:
                await self._clock.sleep(GRACE_S)
        except VenueError as error:
            log.warning("a silent order book can't be compared", market=followed.market.id, error=str(error))
            self._ask_for(followed)
            return
        if self._lost:
            return
        if snapshot.last_id != last_id and followed.heard_ms == heard_ms:
            self._on_lost(f"{followed.market.symbol} was silent while its book moved")
        elif followed.sync.restart(snapshot):
            followed.heard_ms = self._clock.now_ms()
            self._tell(followed)
        else:
            self._ask_for(followed)


def _best_of(market: Market, book: DepthBook, time_ms: int) -> Quote | None:
    """A book's best prices in the market's own money; None while a side is empty."""
    if book.best_bid is None or book.best_ask is None:
        return None
    (bid, bid_units), (ask, ask_units) = book.best_bid, book.best_ask
    return Quote(
        market=market.id,
        time_ms=time_ms,
        bid_price=market.price(bid),
        bid_quantity=bid_units * market.base_unit,
        ask_price=market.price(ask),
        ask_quantity=ask_units * market.base_unit,
    )
