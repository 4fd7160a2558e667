"""Reading a series: memory maps of its columns, checked against the seals of their blocks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tradepool.adapters.candle_store.errors import BrokenBlock, BrokenSeries
from tradepool.adapters.candle_store.layout import (
    ABSENT,
    BLOCK_ROWS,
    CHANGING,
    FILES,
    LOST,
    NEVER,
    ORIGIN_MS,
    PRESENT,
    STATE,
    SUM_DTYPE,
    SUMS,
    States,
    iso,
    read_grid,
    rows_of,
    seal_of,
    stretches,
    time_of,
)
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.ports.candles import Stretch

# SEEK_DATA finds the first written byte of a sparse file at once; systems without it look at all of it.
SEEK_DATA = getattr(os, "SEEK_DATA", None)


class SeriesReader:
    """The candles of one folder. Maps are made anew when the files have grown; what is in the maps is always current."""

    def __init__(self, folder: Path) -> None:
        """Raises BrokenSeries when the folder does not hold a series, or not all of its files."""
        self.folder = folder
        self.series = read_grid(folder)
        self.timeframe_ms = self.series.timeframe_ms
        self._maps: dict[str, NDArray[np.float64] | States] = {}
        self._rows = -1
        self._first: int | None = None
        self._sums: NDArray[np.void] = np.empty(0, SUM_DTYPE)
        self._sound: dict[int, bytes] = {}

    def refresh(self) -> int:
        """See what was written since; the number of rows."""
        try:
            state = self.folder / STATE
            # A series that was made a moment ago has no files yet.
            rows = state.stat().st_size if state.exists() or (self.folder / FILES[0]).exists() else 0
            if rows != self._rows:
                self._maps = {name: self._map(name, rows) for name in FILES} if rows else {}
                self._rows = rows
        except (OSError, ValueError) as error:
            raise BrokenSeries(folder=self.folder, why=f"a file cannot be read ({error})") from error
        return rows

    def _map(self, name: str, rows: int) -> NDArray[np.float64] | States:
        """A column up to `rows`, or as far as its file goes: a file that was cut is found by the seals."""
        path = self.folder / name
        kind = np.dtype(np.uint8 if name == STATE else "<f8")
        count = min(rows, path.stat().st_size // kind.itemsize)
        if not count:
            return np.empty(0, kind)
        mapped: NDArray[np.float64] = np.memmap(path, kind, "r", shape=(count,)).view(np.ndarray)
        return mapped

    # ---- what is there

    def extent(self) -> Stretch | None:
        """From the first bar something is known of up to the end of the last one; None of an empty series."""
        rows = self.refresh()
        first = self._first_row()
        if first is None:
            return None
        return Stretch(time_of(first, self.timeframe_ms), time_of(rows, self.timeframe_ms))

    def _first_row(self) -> int | None:
        """The first row something is known of."""
        if not self._rows:
            return None
        begin = 0
        if SEEK_DATA is not None:
            with (self.folder / STATE).open("rb", buffering=0) as file:
                try:
                    begin = os.lseek(file.fileno(), 0, SEEK_DATA)
                except OSError:
                    return None
        states = self._maps[STATE]
        for start in range(begin, self._rows, BLOCK_ROWS):
            marks = states[start : start + BLOCK_ROWS] != ABSENT
            at = int(marks.argmax())
            if marks[at]:
                return start + at
        return None

    def _span_rows(self, span: Stretch | None) -> tuple[int, int]:
        """First and one after the last row of a span within what is there."""
        rows = self.refresh()
        if span is None:
            first = self._first_row()
            return (rows if first is None else first), rows
        begin, end = rows_of(span, self.timeframe_ms)
        return min(begin, rows), min(end, rows)

    def states(self, span: Stretch | None = None) -> tuple[int, States]:
        """The first row of a span and the states of its rows; rows beyond the end of the files are not known."""
        first, end = self._span_rows(span)
        states: States = self._maps[STATE][first:end].astype(np.uint8) if end > first else np.empty(0, np.uint8)
        if span is not None:
            first, end = rows_of(span, self.timeframe_ms)
            states = np.pad(states, (0, max(0, end - first - len(states))))
        return first, states

    def holes(self, span: Stretch | None = None) -> list[Stretch]:
        """Bars that may exist and are not here: of a span, or between the first and the last."""
        first, states = self.states(span)
        return stretches(states, (ABSENT, CHANGING, LOST), first, self.timeframe_ms)

    def never_made(self, span: Stretch | None = None) -> list[Stretch]:
        """Bars that the venue is known not to have made."""
        first, states = self.states(span)
        return stretches(states, (NEVER,), first, self.timeframe_ms)

    # ---- candles

    def column(self, name: str, span: Stretch | None = None) -> NDArray[np.float64]:
        """One column over a span, a row for each bar whether it is there or not, as it lies in the file (a view).

        Rows of bars that are not there hold zeros or old values: `states` tells which. Seals are not looked at.
        """
        first, end = self._span_rows(span)
        return self._maps[f"{name}.f64"][first:end] if end > first else np.empty(0)  # type: ignore[return-value]

    def bars(self, span: Stretch | None = None) -> Bars:
        """The candles of a span (all without one), after their blocks were found sound. Raises BrokenBlock.

        Without holes they are views of the files, else one copy.
        """
        first, end = self._span_rows(span)
        for block in self.blocks() if span is None else range(first // BLOCK_ROWS, -(-end // BLOCK_ROWS)):
            self._refuse_broken(block)
        if end <= first:
            return Bars(self.timeframe_ms, *np.empty((1 + len(COLUMNS), 0)))
        present = self._maps[STATE][first:end] == PRESENT
        times = np.arange(first, end, dtype=np.int64) * self.timeframe_ms + ORIGIN_MS
        columns = [self._maps[f"{name}.f64"][first:end] for name in COLUMNS]
        if not present.all():
            times, columns = times[present], [column[present] for column in columns]
        return Bars(self.timeframe_ms, times, *columns)  # type: ignore[arg-type]

    def _refuse_broken(self, block: int) -> None:
        why = self.broken(block)
        if why:
            span = self.block_span(block)
            raise BrokenBlock(series=self.series, first=iso(span.first_ms), end=iso(span.end_ms), why=why)

    # ---- seals

    def blocks(self) -> range:
        """The blocks from the first row or seal to the last one: seals go further than rows when a file was cut."""
        rows, first = self.refresh(), self._first_row()
        sealed = np.flatnonzero(self._seals()["rows"]).tolist()
        begins = [*sealed[:1], *([] if first is None else [first // BLOCK_ROWS])]
        return range(min(begins, default=0), max((rows - 1) // BLOCK_ROWS, *sealed[-1:], -1) + 1 if begins else 0)

    def block_rows(self, block: int) -> tuple[int, int]:
        """First and one after the last row of a block, as far as there are any or were any when it was sealed."""
        first = block * BLOCK_ROWS
        seals = self._seals()
        sealed = int(seals["rows"][block]) if block < len(seals) else 0
        return first, max(first + sealed, min(first + BLOCK_ROWS, self._rows))

    def block_span(self, block: int) -> Stretch:
        """The time of a block's rows."""
        first, end = self.block_rows(block)
        return Stretch(time_of(first, self.timeframe_ms), time_of(end, self.timeframe_ms))

    def broken(self, block: int) -> str:
        """Why a block is not what was sealed; empty when it is, or was never sealed. It is computed once a seal."""
        first, seal = block * BLOCK_ROWS, self._seal(block)
        while True:
            sealed = first + int(seal["rows"])
            if sealed > self._rows:
                # Written and sealed after the files were mapped.
                self.refresh()
            for name in reversed(FILES):
                held = self._maps[name] if self._maps else np.empty(0)
                if len(held) < max(sealed, min(first + BLOCK_ROWS, self._rows)):
                    return f"{name} ends after {held.nbytes:,} bytes"
            if sealed == first or self._sound.get(block) == seal.tobytes():
                return ""
            found = seal_of([self._maps[name] for name in FILES], block, sealed - first)
            if found == seal:
                self._sound[block] = seal.tobytes()
                return ""
            again = self._seal(block)
            if again == seal:
                differ = [name for name, a, b in zip(FILES, seal["crc"], found["crc"], strict=True) if a != b]
                return f"{', '.join(differ)} differs from its checksum"
            # Somebody wrote here in between.
            seal = again

    def _seal(self, block: int) -> NDArray[np.void]:
        seals = self._seals()
        seal: NDArray[np.void] = seals[block].copy() if block < len(seals) else np.zeros((), SUM_DTYPE)
        return seal

    def _seals(self) -> NDArray[np.void]:
        """All seals there are, a block each: a live view of the file."""
        path = self.folder / SUMS
        try:
            count = path.stat().st_size // SUM_DTYPE.itemsize if self._rows or path.exists() else 0
            if count != len(self._sums):
                self._sums = np.memmap(path, SUM_DTYPE, "r", shape=(count,)) if count else np.empty(0, SUM_DTYPE)
        except (OSError, ValueError) as error:
            raise BrokenSeries(folder=self.folder, why=f"{SUMS} cannot be read ({error})") from error
        return self._sums
