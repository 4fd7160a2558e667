"""`data download`, and the downloading half of `data repair`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence

from rich.progress import Progress

from tradepool.adapters.candle_store.store import FileStore
from tradepool.adapters.exchanges.ccxt_candles import CcxtCandles
from tradepool.adapters.exchanges.rate_limits import LIMITS
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.adapters.exchanges.venues import facts_of
from tradepool.domain.candle import TIMEFRAMES_MS, UnknownTimeframe
from tradepool.ports.candles import Series, Stretch
from tradepool.ports.clock import Clock
from tradepool.ports.weights import WeightBroker
from tradepool.presentation.data_page import DownloadJson, DownloadRow
from tradepool.presentation.formats import iso
from tradepool.presentation.results import SCHEMA
from tradepool.runtime.clock import RealClock
from tradepool.runtime.throttle import Throttle
from tradepool.services.candle_download import Download, Downloaded

DAY_MS = 86_400_000
DAYS_DEFAULT = 30

Show = Callable[[Series, int, int], None]


class Venues:
    """A guarded session and a weight broker for each venue that a command asks, for as long as it runs."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        """Must be made inside a running loop."""
        self._transport, self._clock = transport, clock
        self._sessions: dict[str, Session] = {}
        self._brokers: dict[str, WeightBroker] = {}

    def session(self, venue: str) -> Session:
        """The one that reaches this venue and no other. Raises UnknownVenue."""
        if venue not in self._sessions:
            self._sessions[venue] = Session(self._transport, reach=facts_of(venue).reach)
        return self._sessions[venue]

    def broker(self, venue: str) -> WeightBroker | None:
        """The one that keeps this venue's limits; None where they are not known."""
        if venue in LIMITS and venue not in self._brokers:
            self._brokers[venue] = Throttle(LIMITS[venue], self._clock)
        return self._brokers.get(venue)

    async def close(self) -> None:
        """Leave all of them."""
        for session in self._sessions.values():
            await session.close()


def downloaded(
    store: FileStore, wanted: Sequence[Series], since_ms: int | None, until_ms: int | None, transport: Transport
) -> DownloadJson:
    """Fill series from their venues, one after the other, with a progress bar. Raises what a venue or the store says."""

    async def run(show: Show) -> list[DownloadRow]:
        clock = RealClock()
        venues = Venues(transport, clock)
        try:
            return [
                await download_one(
                    store, each, since_ms, until_ms, venues.session(each.venue), clock, show, venues.broker(each.venue)
                )
                for each in wanted
            ]
        finally:
            await venues.close()

    with Progress(transient=True, disable=not sys.stderr.isatty()) as progress:
        tasks = {each: progress.add_task(str(each), total=None) for each in wanted}

        def show(series: Series, advance: int, total: int) -> None:
            progress.update(tasks[series], total=total, advance=advance)

        return DownloadJson(SCHEMA, asyncio.run(run(show)))


async def download_one(
    store: FileStore,
    series: Series,
    since_ms: int | None,
    until_ms: int | None,
    session: Session,
    clock: Clock,
    show: Show,
    broker: WeightBroker | None = None,
) -> DownloadRow:
    """Fill one series: from `since_ms` (without it from where the store begins, else thirty days back) up to `until_ms`
    or the last bar that is over. Raises what the venue or the store says; what came before that is stored."""
    if series.timeframe not in TIMEFRAMES_MS:
        raise UnknownTimeframe(name=f"{series.timeframe} for a download", known=", ".join(TIMEFRAMES_MS))
    pages = CcxtCandles(series.venue, session, clock, broker)
    try:
        await pages.check(series)
        length, now_ms = series.timeframe_ms, await pages.time_ms()
        end_ms = min(now_ms, now_ms if until_ms is None else until_ms) // length * length
        with store.writer(series) as writer:
            extent = writer.extent()
            if since_ms is None:
                since_ms = now_ms - DAYS_DEFAULT * DAY_MS if extent is None else extent.first_ms
            span = Stretch(-(-since_ms // length) * length, end_ms)
            total = sum(hole.bars(length) for hole in writer.holes(span))
            download = Download(pages, writer, series, clock, lambda bars: show(series, bars, total))
            show(series, 0, total)
            done = await download.fill(span)
            missing = sum(hole.bars(length) for hole in writer.holes(span))
        return _row(series, span, done, missing)
    finally:
        await pages.close()


async def refill(
    store: FileStore,
    series: Series,
    holes: Sequence[Stretch],
    session: Session,
    clock: Clock,
    broker: WeightBroker | None = None,
) -> Downloaded:
    """Ask for the bars of holes once more. Raises what the venue or the store says."""
    pages = CcxtCandles(series.venue, session, clock, broker)
    try:
        await pages.check(series)
        with store.writer(series) as writer:
            download = Download(pages, writer, series, clock, lambda bars: None)
            for hole in holes:
                await download.fill(hole)
        return download.done
    finally:
        await pages.close()


def _row(series: Series, span: Stretch, done: Downloaded, missing: int) -> DownloadRow:
    return DownloadRow(
        series=str(series),
        start=iso(span.first_ms),
        end=iso(span.end_ms),
        new=done.appended.new,
        corrected=done.appended.corrected,
        never_made=done.never_made,
        refused=done.refused,
        missing=missing,
        requests=done.requests,
    )
