"""How a series lies on disk: a row for each bar since 2010 whether it was made or not, so that nothing ever moves.

`open.f64` ... `volume.f64` hold little-endian float64, `state.u8` a byte a row: 0 not known, 1 there, 2 never made by
the venue, 3 being corrected, 4 set aside because it was damaged. A row counts only when its state says so, and the state is written last: after a kill
in the middle of a write a row is there or it is not. What was never written takes no room (sparse files).

`sums.u32` holds a record for each block of 8,192 rows: how many of its rows are sealed (0: none) and a CRC-32 of each
column over them. `corrections.bin` holds a record for each candle that changed after it had closed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from tradepool.adapters.candle_store.errors import BrokenSeries
from tradepool.core.market.bars import COLUMNS
from tradepool.ports.candles import Series, Stretch

ORIGIN_MS = 1_262_304_000_000  # 2010-01-01T00:00:00Z
END_MS = 4_102_444_800_000  # 2100
BLOCK_ROWS = 8_192
ABSENT, PRESENT, NEVER, CHANGING, LOST = 0, 1, 2, 3, 4
FORMAT = 1

GRID, LOCK, STATE, SUMS, CORRECTIONS = "grid.json", "lock", "state.u8", "sums.u32", "corrections.bin"
FILES = (*(f"{name}.f64" for name in COLUMNS), STATE)
SUM_DTYPE = np.dtype([("rows", "<u4"), ("crc", "<u4", (len(FILES),)), ("spare", "<u4")])
CORRECTION_DTYPE = np.dtype([("time", "<i8"), ("recorded", "<i8"), ("old", "<f8", (5,)), ("new", "<f8", (5,))])

States = NDArray[np.uint8]


class Grid(msgspec.Struct, frozen=True):
    """What a series' folder says of itself."""

    format: int
    series: str
    origin_ms: int = ORIGIN_MS
    block_rows: int = BLOCK_ROWS


def folder_name(symbol: str) -> str:
    """A symbol as the name of a folder, one for one.

    >>> folder_name("BTC/USDT"), folder_name("BTC/USDT:USDT"), folder_name("A-B/C_D")
    ('BTC-USDT', 'BTC-USDT_USDT', 'A%2DB-C%5FD')
    """
    for sign in "%-_":
        symbol = symbol.replace(sign, f"%{ord(sign):02X}")
    return symbol.replace("/", "-").replace(":", "_")


def read_grid(folder: Path) -> Series:
    """The series a folder holds. Raises BrokenSeries when it does not say, or says it in a way not known here."""
    try:
        grid = msgspec.json.decode((folder / GRID).read_bytes(), type=Grid)
        if (grid.format, grid.origin_ms, grid.block_rows) != (FORMAT, ORIGIN_MS, BLOCK_ROWS):
            raise BrokenSeries(folder=folder, why=f"{GRID} is of format {grid.format}, known is {FORMAT}")
        return Series.parse(grid.series)
    except (OSError, msgspec.MsgspecError) as error:
        raise BrokenSeries(folder=folder, why=f"{GRID} cannot be read ({error})") from error


def row_of(time_ms: int, timeframe_ms: int) -> int:
    """The row of the bar that opens at a time, or holds it."""
    return (time_ms - ORIGIN_MS) // timeframe_ms


def time_of(row: int, timeframe_ms: int) -> int:
    """When the bar of a row opens."""
    return ORIGIN_MS + row * timeframe_ms


def iso(time_ms: int) -> str:
    """A time in an error message."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def runs(marks: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where marks stand one beside the other: first and one after the last.

    >>> runs(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(marks.astype(np.int8), prepend=0, append=0))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def stretches(states: States, wanted: tuple[int, ...], first_row: int, timeframe_ms: int) -> list[Stretch]:
    """The times of the rows whose state is one of `wanted`."""
    found = runs(np.isin(states, wanted))
    return [
        Stretch(time_of(first_row + start, timeframe_ms), time_of(first_row + end, timeframe_ms))
        for start, end in found
    ]


def rows_of(span: Stretch, timeframe_ms: int) -> tuple[int, int]:
    """First and one after the last row of the bars that open within a span."""
    return max(0, -row_of(2 * ORIGIN_MS - span.first_ms, timeframe_ms)), max(
        0, -row_of(2 * ORIGIN_MS - span.end_ms, timeframe_ms)
    )


def seal_of(columns: Sequence[NDArray[np.float64] | States], block: int, rows: int) -> NDArray[np.void]:
    """The seal of a block over so many rows, out of what the columns (those of FILES) hold now."""
    start = block * BLOCK_ROWS
    crcs = [zlib.crc32(np.ascontiguousarray(column[start : start + rows]).data) for column in columns]
    seal: NDArray[np.void] = np.array((rows, crcs, 0), SUM_DTYPE)
    return seal
