"""`data repair`: what is damaged set aside, what is missing asked for again; told first, done with --yes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tradepool.adapters.candle_store.store import FileStore
from tradepool.adapters.exchanges.transport import Transport
from tradepool.domain.errors import InvalidInput, VenueError
from tradepool.entrypoints.data_check import holes_of, mended
from tradepool.entrypoints.data_download import Venues, refill
from tradepool.ports.candles import Series, Stretch
from tradepool.presentation.data_page import RepairJson, RepairRow
from tradepool.presentation.formats import iso
from tradepool.presentation.results import SCHEMA
from tradepool.runtime.clock import RealClock


def repaired(store: FileStore, wanted: Sequence[str], transport: Transport, *, do: bool, offline: bool) -> RepairJson:
    """Repair series, all without any named. What a venue cannot give is told in the row and keeps nobody else waiting."""
    rows = mended(store, wanted, do=do)
    # A series whose folder was moved away is no longer there to be filled.
    left = [
        text for text in wanted if do is False or any(text in (str(s), f"{s.venue}:{s.symbol}") for s in store.series())
    ]
    holes = [] if offline or (wanted and not left) else holes_of(store, left)

    async def run() -> list[RepairRow]:
        venues = Venues(transport, RealClock())
        try:
            return [await _refilled(store, series, stretches, venues) for series, stretches in holes]
        finally:
            await venues.close()

    rows += asyncio.run(run()) if do and holes else [_told(series, stretches) for series, stretches in holes]
    return RepairJson(SCHEMA, do, rows)


def _told(series: Series, holes: Sequence[Stretch], result: str = "") -> RepairRow:
    count = sum(hole.bars(series.timeframe_ms) for hole in holes)
    what = f"ask {series.venue} for what is missing in {len(holes):,} stretches"
    return RepairRow(str(series), what, count, iso(holes[0].first_ms), iso(holes[-1].end_ms), result)


async def _refilled(store: FileStore, series: Series, holes: Sequence[Stretch], venues: Venues) -> RepairRow:
    try:
        session, broker = venues.session(series.venue), venues.broker(series.venue)
        done = await refill(store, series, holes, session, RealClock(), broker)
    except (VenueError, InvalidInput) as error:
        return _told(series, holes, f"not done: {' '.join(str(error).split())}")
    return _told(series, holes, f"{done.appended.new:,} came, {done.never_made:,} never made")
