"""A simulated exchange with a past, told over real HTTPS through ccxt, on a wire that breaks as told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson

from tests.adapters.exchanges.wire_kit import BadWire, Fault, Say
from tests.simexchange.exchange_kit import MINUTE, START, bars, market
from tradepool.adapters.candle_store.store import FileStore
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.core.market.bars import Bars
from tradepool.entrypoints.data_download import download_one
from tradepool.ports.candles import Series
from tradepool.presentation.data_page import DownloadRow
from tradepool.simexchange.door import TcpPort
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

SERIES = Series.parse("binance:BTC/USDT@1m")
PATH = "/api/v3/klines"


class HastyClock:
    """The venue's time; waiting takes none, and is written down."""

    def __init__(self, venue: Venue) -> None:
        """On the venue's time."""
        self._venue = venue
        self.slept: list[float] = []

    def now_ms(self) -> int:
        """The venue's."""
        return self._venue.now_ms

    async def sleep(self, seconds: float) -> None:
        """Not at all."""
        self.slept.append(seconds)


@dataclass
class Place:
    """The exchange, who asks it, and what came of it."""

    venue: Venue
    fault: Fault
    session: Session
    store: FileStore
    clock: HastyClock
    port: int
    shown: list[int] = field(default_factory=list)

    async def download(
        self, first: int = 0, end: int | None = None, series: Series = SERIES, show: Callable[[int], None] | None = None
    ) -> DownloadRow:
        """Fetch the minutes from `first` up to `end`."""
        until = None if end is None else START + end * MINUTE

        def on_show(_: Series, advance: int, total: int) -> None:
            self.shown.append(advance)
            if show is not None:
                show(advance)

        since = START + first * MINUTE
        return await download_one(self.store, series, since, until, self.session, self.clock, on_show)

    def bars(self) -> Bars:
        """What is stored."""
        return self.store.reader(SERIES).bars()


def wavy(count: int) -> list[tuple[float, float, float, float]]:
    """Candles that can be told from each other."""
    prices = [round(100 + 10 * np.sin(number / 50), 2) + 0.01 * (number % 7) for number in range(count)]
    return [(round(p, 2), round(p + 1, 2), round(p - 1, 2), round(p + 0.5, 2)) for p in prices]


def answer(whole: Bars, numbers: Sequence[int]) -> Say:
    """A page of klines as the venue would write it, of these bars only."""
    columns = (whole.open, whole.high, whole.low, whole.close)
    times = [int(whole.open_time[n]) for n in numbers]
    prices = [[f"{float(column[n]):.2f}" for column in columns] for n in numbers]
    rest = (0, 1, "0", "0", "0")
    rows = [[t, *p, "10", t + MINUTE - 1, *rest] for t, p in zip(times, prices, strict=True)]
    return Say(body=orjson.dumps(rows).decode())


@asynccontextmanager
async def exchange(files: TlsFiles, folder: Path, times: Sequence[int]) -> AsyncIterator[tuple[Place, Bars]]:
    """An exchange that made candles at these minutes; all but the last are told."""
    whole = bars(wavy(len(times)), times)
    venue = Venue([Listing(market(), whole)], 0)
    while venue.step():
        pass
    server = BadWire(venue, TcpPort(), files.server_context())
    server.fault = Fault("GET", PATH)
    place = await server.start()
    assert isinstance(place, TcpPort)
    session = Session(Transport(ca_file=files.ca_file, loopback_port=place.port))
    try:
        yield (
            Place(venue, server.fault, session, FileStore(folder), HastyClock(venue), place.port),
            whole.slice(0, len(whole) - 1),
        )
    finally:
        await session.close()
        await server.stop()
