"""Writing a series: one process at a time, columns first and the state of a row last, so that a kill tears nothing."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from tradepool.adapters.candle_store.errors import SeriesLocked, StoreUnwritable, WrongBars
from tradepool.adapters.candle_store.layout import (
    ABSENT,
    BLOCK_ROWS,
    CHANGING,
    CORRECTION_DTYPE,
    CORRECTIONS,
    END_MS,
    FILES,
    LOCK,
    LOST,
    NEVER,
    ORIGIN_MS,
    PRESENT,
    STATE,
    SUM_DTYPE,
    SUMS,
    States,
    iso,
    rows_of,
    runs,
    seal_of,
    time_of,
)
from tradepool.adapters.candle_store.quarantine import set_block_aside
from tradepool.adapters.candle_store.reader import SeriesReader
from tradepool.core.market.bar_faults import impossible
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.ports.candles import Appended, Stretch
from tradepool.runtime import telemetry

log = telemetry.logger(__name__)


class SeriesWriter(SeriesReader):
    """The one writer of a folder; `close` seals what was written and lets others write."""

    def __init__(self, folder: Path) -> None:
        """Take the lock, make what is missing, and finish what a killed writer left. Raises SeriesLocked."""
        super().__init__(folder)
        self._lock = _take_lock(folder / LOCK, str(self.series))
        self._files: dict[str, int] = {}
        with ExitStack() as undo, self._named():
            undo.callback(self._let_go)
            for name in (*FILES, SUMS, CORRECTIONS):
                self._files[name] = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o666)
            self._end = os.fstat(self._files[STATE]).st_size
            self._covered = self._covers()
            self._dirty: set[int] = set()
            self._recover()
            undo.pop_all()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnwritable(series=self.series, why=error.strerror or str(error)) from error

    def __enter__(self) -> SeriesWriter:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Seal and let go."""
        self.close()

    def close(self) -> None:
        """Seal what was written and let others write; does nothing the second time."""
        if self._files:
            try:
                self.flush()
            finally:
                self._let_go()

    def _let_go(self) -> None:
        for file in (*self._files.values(), self._lock):
            os.close(file)
        self._files = {}

    # ---- what a killed writer left

    def _covers(self) -> dict[int, int]:
        """How many rows of each block are sealed."""
        count = os.fstat(self._files[SUMS]).st_size // SUM_DTYPE.itemsize
        sealed = np.frombuffer(os.pread(self._files[SUMS], count * SUM_DTYPE.itemsize, 0), SUM_DTYPE)["rows"]
        return {int(block): int(sealed[block]) for block in np.flatnonzero(sealed)}

    def _recover(self) -> None:
        """Finish corrections that were begun; take out rows that a power failure left without their values."""
        whole = os.fstat(self._files[CORRECTIONS]).st_size // CORRECTION_DTYPE.itemsize * CORRECTION_DTYPE.itemsize
        os.ftruncate(self._files[CORRECTIONS], whole)
        for block in self.blocks():
            first, end = block * BLOCK_ROWS, min((block + 1) * BLOCK_ROWS, self._end)
            if self._covered.get(block, 0) >= end - first:
                continue
            self._dirty.add(block)
            states = self._states(first, end)
            for row in (np.flatnonzero(states == CHANGING) + first).tolist():
                self._finish_correction(row)
            rows = np.flatnonzero(states == PRESENT) + first
            lost = rows[impossible(self._stored(rows))["price not above zero"]] if len(rows) else rows
            for start, stop in _runs_of(lost):
                log.warning("rows without values, as after a power failure", series=str(self.series), rows=stop - start)
                self._set_states(start, stop, LOST)

    def _finish_correction(self, row: int) -> None:
        time_ms = time_of(row, self.timeframe_ms)
        made = [each for each in self.corrections() if each["time"] == time_ms]
        if made:
            self._write_columns(row, np.asarray(made[-1]["new"])[:, None])
        self._set_states(row, row + 1, PRESENT)

    # ---- taking in

    def append(self, bars: Bars, now_ms: int) -> Appended:
        """Take in candles in any order; the same one twice is harmless, another value is a correction of `now_ms`.

        Raises WrongBars for a bar that is off the grid or cannot be, StoreUnwritable when the disk is full.
        """
        if not len(bars):
            return Appended()
        self._refuse_wrong(bars)
        order = np.argsort(bars.open_time, kind="stable")
        times = bars.open_time[order]
        again = np.diff(times, prepend=-1) == 0
        values = np.array([getattr(bars, name) for name in COLUMNS])[:, order]
        with self._named():
            done = self._take((times[~again] - ORIGIN_MS) // self.timeframe_ms, values[:, ~again], now_ms)
        if again.any():
            done += self.append(Bars(self.timeframe_ms, times[again], *values[:, again]), now_ms)
        return done

    def _refuse_wrong(self, bars: Bars) -> None:
        wrong = {
            f"another timeframe than {self.series.timeframe}": np.full(
                len(bars), bars.timeframe_ms != self.timeframe_ms
            ),
            "a time off the grid": bars.open_time % self.timeframe_ms != 0,
            "a time before 2010 or after 2099": (bars.open_time < ORIGIN_MS) | (bars.open_time >= END_MS),
            **impossible(bars),
        }
        for why, marks in wrong.items():
            if marks.any():
                raise WrongBars(series=self.series, time=iso(int(bars.open_time[marks.argmax()])), why=why)

    def _take(self, rows: NDArray[np.int64], values: NDArray[np.float64], now_ms: int) -> Appended:
        """Rows that rise, and their values (5, n)."""
        first = int(rows[0])
        self._open_blocks(rows)
        known = self._states(first, int(rows[-1]) + 1)[rows - first] == PRESENT
        new, at = values[:, ~known], 0
        for start, end in _runs_of(rows[~known]):
            self._write_columns(start, new[:, at : at + end - start])
            self._set_states(start, end, PRESENT)
            at += end - start
        if not known.any():
            return Appended(new=len(rows))
        old = self._stored(rows[known])
        before, after = np.array([getattr(old, name) for name in COLUMNS]), values[:, known]
        changed = np.flatnonzero((before != after).any(axis=0))
        for index in changed.tolist():
            self._correct(int(rows[known][index]), before[:, index], after[:, index], now_ms)
        return Appended(new=int((~known).sum()), same=int(known.sum()) - len(changed), corrected=len(changed))

    def _correct(self, row: int, old: NDArray[np.float64], new: NDArray[np.float64], now_ms: int) -> None:
        """Say that the row changes, write down how, then change it: a kill in between is finished by the next writer."""
        self._set_states(row, row + 1, CHANGING)
        record = np.array((time_of(row, self.timeframe_ms), now_ms, old, new), CORRECTION_DTYPE)
        end = os.fstat(self._files[CORRECTIONS]).st_size
        _write(self._files[CORRECTIONS], record.tobytes(), end)
        self._write_columns(row, new[:, None])
        self._set_states(row, row + 1, PRESENT)

    def corrections(self) -> NDArray[np.void]:
        """Every change of a closed candle: `time`, `recorded` (ms), `old` and `new` (open, high, low, close, volume)."""
        return read_corrections(self.folder)

    def mark_never_made(self, span: Stretch) -> int:
        """The venue made none of the bars of `span` that are not here; how many those are."""
        return self._change_states(span, (ABSENT, LOST), NEVER)

    def drop(self, times: Sequence[int]) -> None:
        """Forget candles: they are holes now."""
        for time_ms in times:
            self._change_states(Stretch(time_ms, time_ms + self.timeframe_ms), (PRESENT,), LOST)

    def _change_states(self, span: Stretch, old: tuple[int, ...], new: int) -> int:
        first, end = rows_of(span, self.timeframe_ms)
        if end <= first:
            return 0
        with self._named():
            self._open_blocks(np.arange(first, end, dtype=np.int64))
            found = runs(np.isin(self._states(first, end), old))
            for start, stop in found:
                self._set_states(first + start, first + stop, new)
        return sum(stop - start for start, stop in found)

    # ---- the files

    def _states(self, first: int, end: int) -> States:
        """States as they are; beyond the end of the file nothing is known."""
        held = np.frombuffer(os.pread(self._files[STATE], end - first, first), np.uint8)
        return np.pad(held, (0, end - first - len(held)))

    def _stored(self, rows: NDArray[np.int64]) -> Bars:
        first, count = int(rows[0]), int(rows[-1] - rows[0]) + 1
        columns = []
        for name in FILES[:-1]:
            held = np.frombuffer(os.pread(self._files[name], 8 * count, 8 * first), "<f8")
            columns.append(np.pad(held, (0, count - len(held)))[rows - first])
        return Bars(self.timeframe_ms, rows * self.timeframe_ms + ORIGIN_MS, *columns)

    def _write_columns(self, row: int, values: NDArray[np.float64]) -> None:
        for name, column in zip(FILES, values, strict=False):
            _write(self._files[name], column.astype("<f8").tobytes(), 8 * row)

    def _set_states(self, first: int, end: int, state: int) -> None:
        if state != PRESENT and end > self._end:
            self._lengthen(end)
        _write(self._files[STATE], bytes((state,)) * (end - first), first)
        self._end = max(self._end, end)

    def _lengthen(self, rows: int) -> None:
        """No column is shorter than the states."""
        for name in FILES[:-1]:
            os.ftruncate(self._files[name], max(8 * rows, os.fstat(self._files[name]).st_size))

    # ---- seals

    def _open_blocks(self, rows: NDArray[np.int64]) -> None:
        """Take the seal off the blocks that are about to change below what it covers, after a last look at it."""
        for block in np.unique(rows // BLOCK_ROWS).tolist():
            self._dirty.add(block)
            lowest = int(rows[np.searchsorted(rows, block * BLOCK_ROWS)])
            if lowest - block * BLOCK_ROWS < self._covered.get(block, 0):
                self.refresh()
                why = self.broken(block)
                self._write_seal(block, np.zeros((), SUM_DTYPE))
                if why:
                    self.set_aside(block, why)

    def set_aside(self, block: int, why: str) -> Path:
        """Move what a damaged block holds to the quarantine, the reason beside it; its bars are holes now."""
        self.refresh()
        first, end = self.block_rows(block)
        columns = {name: self._map(name, end)[first:end] for name in FILES}
        kept = set_block_aside(self.folder, str(self.series), block, columns, why)
        log.error("damaged candles set aside", series=str(self.series), file=str(kept), why=why)
        with self._named():
            self._write_seal(block, np.zeros((), SUM_DTYPE))
            for start, stop in runs(_was_known(columns, end - first)):
                self._set_states(first + start, first + stop, LOST)
            # A column that was cut gets its length back.
            self._lengthen(self._end)
        self._rows = -1
        self._dirty.add(block)
        return kept

    def _write_seal(self, block: int, seal: NDArray[np.void]) -> None:
        _write(self._files[SUMS], seal.tobytes(), block * SUM_DTYPE.itemsize)
        self._covered[block] = int(seal["rows"])

    def flush(self) -> None:
        """Bring everything to the disk and seal it with checksums."""
        if not self._dirty or not self.refresh():
            return
        columns = [self._maps[name] for name in FILES]
        with self._named():
            for name in (*FILES, CORRECTIONS):
                os.fdatasync(self._files[name])
            for block in sorted(self._dirty):
                rows = min(BLOCK_ROWS, self._end - block * BLOCK_ROWS)
                if rows > 0:
                    self._write_seal(block, seal_of(columns, block, rows))
        self._dirty.clear()


def read_corrections(folder: Path) -> NDArray[np.void]:
    """The log of a folder; a record that was cut short is left out."""
    content = (folder / CORRECTIONS).read_bytes()
    return np.frombuffer(
        content[: len(content) // CORRECTION_DTYPE.itemsize * CORRECTION_DTYPE.itemsize], CORRECTION_DTYPE
    )


def _was_known(columns: Mapping[str, NDArray[np.generic]], count: int) -> NDArray[np.bool_]:
    """The rows of a damaged block that something was known of: their state says so, or a close that is there."""
    known = np.zeros(count, bool)
    for name in (STATE, FILES[COLUMNS.index("close")]):
        known[: len(columns[name])] |= columns[name] != 0
    return known


def _runs_of(rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Rising rows as stretches without holes: first and one after the last."""
    if not len(rows):
        return []
    cut = np.flatnonzero(np.diff(rows) != 1)
    firsts, lasts = rows[np.append(0, cut + 1)], rows[np.append(cut, len(rows) - 1)]
    return list(zip(firsts.tolist(), (lasts + 1).tolist(), strict=True))


def _write(file: int, content: bytes, offset: int) -> None:
    """All of it, or an OSError: a disk that fills up takes a part first."""
    written = os.pwrite(file, content, offset)
    while written < len(content):
        written += os.pwrite(file, content[written:], offset + written)


def _take_lock(path: Path, series: str) -> int:
    """The lock of a series, which ends with the process that holds it, killed or not."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StoreUnwritable(series=series, why=error.strerror or str(error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise SeriesLocked(series=series, process=holder) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock
