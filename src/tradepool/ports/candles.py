"""What we ask of the candle store: closed candles of many series on disk, one writer each, readers in any process."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tradepool.core.market.bars import Bars
from tradepool.core.market.resample import LENGTHS_MS
from tradepool.domain.errors import InvalidInput

_ADDRESS = re.compile(r"([A-Za-z0-9]+):([^\s/:@]+)/([^\s/:@]+)(:[^\s/:@]+)?@([0-9]+[A-Za-z])")


class BadAddress(InvalidInput):
    """{given} is no address of candles ({why}); write venue:BASE/QUOTE@timeframe, such as binance:BTC/USDT@5m."""


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """The candles of one market and timeframe; the venue is a ccxt id, the symbol ccxt's.

    >>> series = Series.parse("binanceusdm:BTC/USDT:USDT@1h")
    >>> series.symbol, series.base, series.quote, series.timeframe_ms, str(series)
    ('BTC/USDT:USDT', 'BTC', 'USDT', 3600000, 'binanceusdm:BTC/USDT:USDT@1h')
    """

    venue: str
    symbol: str
    timeframe: str

    @classmethod
    def parse(cls, text: str) -> Series:
        """Read an address. Raises BadAddress."""
        parts = _ADDRESS.fullmatch(text)
        if parts is None:
            raise BadAddress(given=repr(text)[:80], why="it has another form")
        venue, base, quote, settle, timeframe = parts.groups(default="")
        if timeframe not in LENGTHS_MS:
            why = f"timeframe {timeframe} is not one of {', '.join(LENGTHS_MS)}"
            raise BadAddress(given=repr(text)[:80], why=why)
        return cls(venue.lower(), f"{base}/{quote}{settle}", timeframe)

    @property
    def base(self) -> str:
        """The asset that is traded."""
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        """The asset it is paid in."""
        return self.symbol.partition("/")[2].partition(":")[0]

    @property
    def timeframe_ms(self) -> int:
        """Length of a bar; a month's is nominal."""
        return LENGTHS_MS[self.timeframe]

    def __str__(self) -> str:
        """The address."""
        return f"{self.venue}:{self.symbol}@{self.timeframe}"


def is_address(text: str) -> bool:
    """Whether a text names candles of a store rather than a file.

    >>> is_address("binance:BTC/USDT@5m"), is_address("data/BINANCE-BTC-USDT-5m.parquet")
    (True, False)
    """
    return _ADDRESS.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """Time from `first_ms` up to `end_ms`, which is not in it."""

    first_ms: int
    end_ms: int

    def bars(self, timeframe_ms: int) -> int:
        """How many bars fit in."""
        return (self.end_ms - self.first_ms) // timeframe_ms


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the candles handed over: not known before, known already, known with other values."""

    new: int = 0
    same: int = 0
    corrected: int = 0

    def __add__(self, other: Appended) -> Appended:
        """Both together."""
        return Appended(self.new + other.new, self.same + other.same, self.corrected + other.corrected)


class CandleReader(Protocol):
    """One series, as it stands now; a later call sees what was written in between."""

    def extent(self) -> Stretch | None:
        """From the first bar something is known of up to the end of the last one; None of an empty series."""
        ...

    def bars(self, span: Stretch | None = None) -> Bars:
        """The candles of a span (all without one): views of the file where there are no holes, else one copy."""
        ...

    def holes(self, span: Stretch | None = None) -> Sequence[Stretch]:
        """Bars that may exist and are not here."""
        ...

    def never_made(self, span: Stretch | None = None) -> Sequence[Stretch]:
        """Bars that the venue is known not to have made."""
        ...


class CandleWriter(CandleReader, AbstractContextManager["CandleWriter"], Protocol):
    """The one writer of a series; leaving it seals what was written."""

    def append(self, bars: Bars, now_ms: int) -> Appended:
        """Take in candles in any order; the same one twice is harmless, another value is a correction of `now_ms`."""
        ...

    def mark_never_made(self, span: Stretch) -> int:
        """The venue made none of the bars of `span` that are not here; how many those are."""
        ...

    def flush(self) -> None:
        """Bring everything to the disk and seal it with checksums."""
        ...


class CandleStore(Protocol):
    """Many series."""

    def series(self) -> Sequence[Series]:
        """All there are, in order."""
        ...

    def reader(self, series: Series) -> CandleReader:
        """Raises when there is no such series."""
        ...

    def writer(self, series: Series) -> CandleWriter:
        """Makes the series when it is not there; raises when another process writes it."""
        ...


class CandlePages(Protocol):
    """A venue's past candles, a page at a time."""

    pause_s: float

    async def time_ms(self) -> int:
        """The venue's time."""
        ...

    async def page(self, series: Series, since_ms: int) -> Bars:
        """Candles from `since_ms` on, oldest first, as many as the venue gives at once; the last may not be closed.

        Raises a VenueError; `transient` says whether to ask again.
        """
        ...
