"""What a candle file's name says: venue, pair and timeframe."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tradepool.adapters.candle_files.errors import BadFileName
from tradepool.domain.candle import TIMEFRAMES_MS

_NAME = re.compile(r"([A-Za-z0-9]+)-([A-Za-z0-9]+)-([A-Za-z0-9]+)-([A-Za-z0-9]+)\.parquet")


class SeriesName(NamedTuple):
    """Venue in lower case, base and quote as written, length of a bar in ms."""

    venue: str
    base: str
    quote: str
    timeframe_ms: int


def series_name(file: Path) -> SeriesName:
    """Read the file's name; BadFileName when it has another form or an unknown timeframe.

    >>> series_name(Path("data/BINANCE-BTC-USDT-5m.parquet"))
    SeriesName(venue='binance', base='BTC', quote='USDT', timeframe_ms=300000)
    """
    parts = _NAME.fullmatch(file.name)
    if parts is None:
        raise BadFileName(file=file, why="four parts joined by - are wanted")
    venue, base, quote, timeframe = parts.groups()
    if timeframe not in TIMEFRAMES_MS:
        raise BadFileName(file=file, why=f"timeframe {timeframe} is not one of {', '.join(TIMEFRAMES_MS)}")
    return SeriesName(venue.lower(), base, quote, TIMEFRAMES_MS[timeframe])
