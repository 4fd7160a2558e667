"""Practice on live prices: a real venue's public book and prints, read over its own wire, drive a venue of ours.

    listings = await mirrored_listings(http, ["BTCUSDT"])      # rules as the real venue has them
    venue = Venue(listings)                                    # no candles: prices are pushed in
    await mirror(venue, ["BTCUSDT"], http, clock)              # until cancelled

Until a market's book is whole, and whenever it is not any more, the market is halted: orders are refused, resting ones
wait. Book and prints come by one connection, so they are pushed in the order the real venue told them; the venue's time
is the real venue's. What was printed while the feed was broken is not served to anybody: `prints_missed` counts it.

Our orders do not move the real market. What they took of a level stays taken until that level changes; a resting limit
queues behind what stood at its price when it came, is served by prints at its price after that queue and by prints
beyond its price at once, or when the book itself comes to it (simexchange.mirror, simexchange.desk).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import aiohttp
from aiohttp import WSMsgType

from tradepool.core.matching.book_sync import BookSync
from tradepool.domain.depth import BookDiff, Level
from tradepool.domain.errors import TradepoolError
from tradepool.domain.market import FeeSchedule
from tradepool.ports.clock import Clock
from tradepool.runtime import telemetry
from tradepool.simexchange.codecs.binance import mirror_frames as frames
from tradepool.simexchange.codecs.binance.mirror_frames import BadMirrorFrame, MirrorReader
from tradepool.simexchange.listing import ListedMarket, Listing
from tradepool.simexchange.rules import MarketStatus
from tradepool.simexchange.venue import Venue

RETRY_FIRST_S, RETRY_MAX_S = 0.5, 60.0
SILENCE_S = 30.0
TICK_S = 1.0
REQUEST_TIMEOUT_S = 10.0
MS_PER_S = 1_000
DEFAULT_FEES = FeeSchedule(maker_rate=Decimal("0.001"), taker_rate=Decimal("0.001"))

log = telemetry.logger(__name__)


class MirrorUnreachable(TradepoolError):
    """The venue to be mirrored can't be reached at {url}: {why}; check the network, or serve --candles or --model."""

    transient = True


@dataclass(frozen=True, slots=True)
class Wire:
    """Where a real venue's public data is read; `ca_file` is the authority to trust instead of the machine's."""

    rest_url: str
    stream_url: str
    ca_file: Path | None = None

    def session(self) -> aiohttp.ClientSession:
        """A session that reaches it; close it."""
        tls = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls))


BINANCE = Wire("https://data-api.binance.vision", "wss://data-stream.binance.vision")


async def mirrored_listings(
    http: aiohttp.ClientSession, symbols: Sequence[str], wire: Wire = BINANCE, fees: FeeSchedule = DEFAULT_FEES
) -> list[Listing]:
    """Markets with the real venue's rules, to be listed without candles; BadMirrorFrame when it does not have them,
    MirrorUnreachable when it does not answer."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
    try:
        async with http.get(frames.info_url(wire.rest_url, symbols), timeout=timeout) as answer:
            return frames.listings(await answer.read(), symbols, fees)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise MirrorUnreachable(url=wire.rest_url, why=f"{type(error).__name__} {error}") from error


async def mirror(
    venue: Venue,
    symbols: Sequence[str],
    http: aiohttp.ClientSession,
    clock: Clock,
    wire: Wire = BINANCE,
) -> None:
    """Drive these mirrored markets of a venue until cancelled."""
    await MirrorFeed(venue, symbols, http, clock, wire).run()


class _Mirrored:
    """One market: its book as the real venue tells it, whose levels are units of base, and its newest print."""

    def __init__(self, market: ListedMarket) -> None:
        self.symbol, self.market, self._units_per_step = market.symbol, market, market.units_per_step
        self.reader, self.sync = MirrorReader(market), BookSync()
        self.last_print: int | None = None
        self.prints_missed = 0

    def steps(self, levels: Iterable[Level]) -> list[Level]:
        """Levels in whole steps, as the venue trades; what is less than one is not there."""
        return [(ticks, units // self._units_per_step) for ticks, units in levels]

    def steps_printed(self, units: int) -> int:
        """A print in whole steps, at least one: whatever is printed sets off stops."""
        return max(1, units // self._units_per_step)


class MirrorFeed:
    """The connection to the real venue, and what it says."""

    def __init__(
        self,
        venue: Venue,
        symbols: Sequence[str],
        http: aiohttp.ClientSession,
        clock: Clock,
        wire: Wire = BINANCE,
    ) -> None:
        """Halt the markets; nothing is asked for before `run`. UnknownSymbol when one is not listed."""
        self._venue, self._http, self._clock = venue, http, clock
        self._rest_url, self._stream_url = wire.rest_url, frames.stream_url(wire.stream_url, symbols)
        self._mirrored = {symbol: _Mirrored(venue.market(symbol)) for symbol in symbols}
        self._asks: deque[_Mirrored] = deque()
        self._wake = asyncio.Event()
        self._retry_s = RETRY_FIRST_S
        self._ahead_ms: int | None = None
        for symbol in symbols:
            venue.set_status(symbol, "HALT")

    def why(self, symbol: str) -> str:
        """Why a market is halted; empty while it trades."""
        return self._mirrored[symbol].sync.why

    def prints_missed(self, symbol: str) -> int:
        """How many prints the feed has left out since it began."""
        return self._mirrored[symbol].prints_missed

    async def run(self) -> None:
        """Read, mend and connect again, until cancelled."""
        ticking = asyncio.create_task(self._tick(), name="mirror-time")
        try:
            while True:
                why = await self._connect()
                log.warning("the mirrored venue's stream broke", why=why)
                self._asks.clear()
                for each in self._mirrored.values():
                    each.sync.suspend(f"stream lost: {why}")
                    self._halt(each)
                await self._wait()
        finally:
            ticking.cancel()

    async def _tick(self) -> None:
        """Between frames the venue's time goes on as the real venue's does."""
        while True:
            await self._clock.sleep(TICK_S)
            if self._ahead_ms is not None:
                self._venue.pass_time(self._clock.now_ms() + self._ahead_ms)

    async def _wait(self) -> None:
        wait_s, self._retry_s = self._retry_s, min(2 * self._retry_s, RETRY_MAX_S)
        await self._clock.sleep(wait_s)

    async def _connect(self) -> str:
        """Read until the connection ends; why it did."""
        mending: asyncio.Task[None] | None = None
        timeout = aiohttp.ClientWSTimeout(ws_receive=SILENCE_S)
        try:
            async with self._http.ws_connect(self._stream_url, timeout=timeout, max_msg_size=0) as socket:
                for each in self._mirrored.values():
                    self._ask_for(each)
                mending = asyncio.create_task(self._mend(), name="mirror-snapshots")
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        self._read(message.data)
                return "the venue hung up"
        except (aiohttp.ClientError, TimeoutError, BadMirrorFrame, OSError) as error:
            return f"{type(error).__name__} {error}"
        finally:
            if mending is not None:
                mending.cancel()

    # ---- what the real venue says

    def _read(self, text: str) -> None:
        symbol, kind, raw = frames.envelope(text)
        mirrored = self._mirrored.get(symbol)
        if mirrored is None or not mirrored.market.is_listed:
            return
        was_whole = mirrored.sync.whole
        try:
            if kind == "trade":
                self._print(mirrored, mirrored.reader.print(raw))
            else:
                self._change(mirrored, *mirrored.reader.diff(raw))
        except BadMirrorFrame as error:
            mirrored.sync.suspend(str(error))
        if was_whole and not mirrored.sync.whole:
            self._halt(mirrored)
            self._ask_for(mirrored)

    def _change(self, mirrored: _Mirrored, time_ms: int, diff: BookDiff) -> None:
        """What is old changes nothing, what follows is pushed, and a gap is seen by the reader."""
        self._set_time(time_ms)
        last_id = mirrored.sync.book.last_id
        if mirrored.sync.take(diff) and mirrored.sync.book.last_id != last_id:
            bids, asks = mirrored.steps(diff.bids), mirrored.steps(diff.asks)
            self._venue.push_book(mirrored.symbol, bids, asks, time_ms, update=True)

    def _print(self, mirrored: _Mirrored, said: frames.Print) -> None:
        """Only a whole book is traded against; the numbers tell what was missed before."""
        self._set_time(said.time_ms)
        if mirrored.last_print is not None:
            if said.number <= mirrored.last_print:
                return
            mirrored.prints_missed += said.number - mirrored.last_print - 1
        mirrored.last_print = said.number
        if not mirrored.sync.whole:
            mirrored.prints_missed += 1
            return
        steps = mirrored.steps_printed(said.units)
        self._venue.push_trade(mirrored.symbol, said.ticks, steps, said.time_ms, buyer_is_maker=said.buyer_is_maker)

    def _set_time(self, time_ms: int) -> None:
        self._ahead_ms = time_ms - self._clock.now_ms()

    # ---- halting and mending

    def _halt(self, mirrored: _Mirrored) -> None:
        log.info("a mirrored market is halted", market=mirrored.symbol, why=mirrored.sync.why)
        self._set_status(mirrored, "HALT")

    def _set_status(self, mirrored: _Mirrored, status: MarketStatus) -> None:
        """What somebody ended stays ended."""
        if mirrored.market.is_listed and mirrored.market.status != "BREAK":
            self._venue.set_status(mirrored.symbol, status)

    def _ask_for(self, mirrored: _Mirrored) -> None:
        self._asks.append(mirrored)
        self._wake.set()

    async def _mend(self) -> None:
        """Ask for snapshots, one after the other; who is not whole after its own comes again a little later."""
        while True:
            while self._asks:
                mirrored = self._asks.popleft()
                if await self._restart(mirrored):
                    self._retry_s = RETRY_FIRST_S
                else:
                    self._ask_for(mirrored)
                    await self._wait()
            self._wake.clear()
            await self._wake.wait()

    async def _restart(self, mirrored: _Mirrored) -> bool:
        if not mirrored.market.is_listed:
            return True
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        try:
            async with self._http.get(frames.depth_url(self._rest_url, mirrored.symbol), timeout=timeout) as answer:
                snapshot = mirrored.reader.snapshot(await answer.read())
        except (aiohttp.ClientError, TimeoutError, BadMirrorFrame) as error:
            log.warning("no snapshot of a mirrored book", market=mirrored.symbol, why=str(error))
            return False
        if not mirrored.sync.restart(snapshot):
            return False
        book = mirrored.sync.book
        # Trading first: resting limits meet the book as it has become.
        self._set_status(mirrored, "TRADING")
        self._venue.push_book(
            mirrored.symbol, mirrored.steps(book.bids()), mirrored.steps(book.asks()), self._venue.now_ms
        )
        log.info("a mirrored market trades", market=mirrored.symbol)
        return True
