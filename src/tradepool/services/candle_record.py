"""The store behind the data plane: what the venue shows is kept, and what is kept is not asked for again.

Candles are taken in as they come and written a little later, a series at a time, so that nobody waits for a disk. A kill
loses what was not written: the next start finds a hole and asks the venue for it. The same happens when a series can't be
written (its disk is full, somebody else writes it): that is said, and trading goes on without its record.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tradepool.core.market.bar_faults import any_of, impossible
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.domain.candle import Candle, timeframe_name
from tradepool.domain.errors import TradepoolError, VenueError
from tradepool.domain.market import Market
from tradepool.ports.candles import Appended, CandleStore, CandleWriter, Series, Stretch
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import CandleFeed
from tradepool.runtime import telemetry
from tradepool.services.candle_download import Download
from tradepool.services.reader import bars_of

WRITE_S = 5.0

log = telemetry.logger(__name__)


class CandleRecord:
    """The one writer of the series of the markets that are followed; `kept` counts what it was given.

    `take` hears of candles, `run` writes them, `history` answers from the store what the venue would answer.
    """

    def __init__(self, store: CandleStore, feed: CandleFeed, clock: Clock) -> None:
        """Nothing is opened before the first candle."""
        self.kept = Appended()
        self._store, self._feed, self._clock = store, feed, clock
        self._writers: dict[Series, CandleWriter] = {}
        self._waiting: dict[Series, list[Candle]] = {}
        self._unsealed: deque[Series] = deque()
        self._ailing: set[Series] = set()

    def take(self, candle: Candle) -> None:
        """Keep a closed candle; one that is known already is harmless, another value corrects it."""
        self._waiting.setdefault(_series(candle.market, candle.timeframe_ms), []).append(candle)

    async def run(self) -> None:
        """Write what was taken every WRITE_S and seal a series each time, until cancelled; then `close`."""
        while True:
            await self._clock.sleep(WRITE_S)
            for series in list(self._waiting):
                self._write(series)
                await asyncio.sleep(0)
            if self._unsealed:
                self._seal(self._unsealed.popleft())

    def close(self) -> None:
        """Write and seal everything, and let others write."""
        for series in list(self._waiting):
            self._write(series)
        for series in list(self._writers):
            self._give_up(series)

    async def history(self, market: Market, timeframe_ms: int, since_ms: int) -> Sequence[Candle]:
        """All closed candles with an open time of at least `since_ms`, in order: the venue is asked only for those that
        are not in the store. Raises VenueError; a store that can't be used is the venue's work instead."""
        series = _series(market, timeframe_ms)
        try:
            self._write(series)
            return await self._filled(market, series, since_ms)
        except VenueError:
            raise
        except TradepoolError as error:
            self._ail(series, error)
            return await self._feed.history(market, timeframe_ms, since_ms)

    async def _filled(self, market: Market, series: Series, since_ms: int) -> Sequence[Candle]:
        writer, length = self._writer(series), series.timeframe_ms
        now_ms = await self._feed.time_ms()
        span = Stretch(-(-since_ms // length) * length, now_ms // length * length)
        if not len(writer.bars(span)) and not await self._feed.page(market, length, span.first_ms, now_ms):
            # A venue answers with the next candles there are: there are none, and no stretch is asked for by itself.
            return []
        done = await Download(_Pages(self._feed, market, now_ms), writer, series, self._clock, lambda bars: None).fill(
            span
        )
        self.kept += done.appended
        log.info("history", series=str(series), asked=done.requests, new=done.appended.new)
        return [] if span.end_ms <= span.first_ms else _candles(market, writer.bars(span))

    def _write(self, series: Series) -> None:
        """Append what waits of a series; what can't be, or can't be written, is left out and said."""
        candles = self._waiting.pop(series, [])
        if not candles:
            return
        bars = bars_of(candles, series.timeframe_ms)
        good = ~any_of(impossible(bars))
        if not good.all():
            log.warning("candles that can't be are not stored", series=str(series), count=int((~good).sum()))
        try:
            writer = self._writer(series)
            self.kept += writer.append(_chosen(bars, good), self._clock.now_ms())
        except TradepoolError as error:
            self._ail(series, error)
            return
        self._ailing.discard(series)
        if series not in self._unsealed:
            self._unsealed.append(series)

    def _writer(self, series: Series) -> CandleWriter:
        if series not in self._writers:
            self._writers[series] = self._store.writer(series)
        return self._writers[series]

    def _seal(self, series: Series) -> None:
        try:
            if series in self._writers:
                self._writers[series].flush()
        except TradepoolError as error:
            self._ail(series, error)

    def _give_up(self, series: Series) -> None:
        """Let go of a series, sealed if possible."""
        self._seal(series)
        writer = self._writers.pop(series, None)
        if writer is not None:
            writer.__exit__(None, None, None)

    def _ail(self, series: Series, error: TradepoolError) -> None:
        """Say once that a series is not recorded; it is tried again with its next candles."""
        if series not in self._ailing:
            log.error("candles are not recorded", series=str(series), error=str(error))
        self._ailing.add(series)


@dataclass(slots=True)
class _Pages:
    """A feed's past candles of one market, for a download; the weight broker paces them."""

    feed: CandleFeed
    market: Market
    now_ms: int
    pause_s: float = 0.0

    async def time_ms(self) -> int:
        return self.now_ms

    async def page(self, series: Series, since_ms: int) -> Bars:
        candles = await self.feed.page(self.market, series.timeframe_ms, since_ms, self.now_ms)
        return bars_of(candles, series.timeframe_ms)


def _series(market: Market, timeframe_ms: int) -> Series:
    return Series(market.venue, market.symbol, timeframe_name(timeframe_ms))


def _chosen(bars: Bars, marks: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Bars:
    return Bars(bars.timeframe_ms, bars.open_time[marks], *(getattr(bars, name)[marks] for name in COLUMNS))


def _candles(market: Market, bars: Bars) -> list[Candle]:
    rows = zip(bars.open_time.tolist(), *(getattr(bars, name).tolist() for name in COLUMNS), strict=True)
    return [
        Candle(
            market=market,
            timeframe_ms=bars.timeframe_ms,
            open_time_ms=time_ms,
            open=open_,
            high=high,
            low=low,
            close=close,
            volume=volume,
        )
        for time_ms, open_, high, low, close, volume in rows
    ]
