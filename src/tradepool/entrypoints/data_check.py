"""`data list`, `data check` and what `data repair` does without a venue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tradepool.adapters.candle_files.found_name import series_of
from tradepool.adapters.candle_files.tables import read_table
from tradepool.adapters.candle_store.errors import BrokenSeries
from tradepool.adapters.candle_store.layout import read_grid
from tradepool.adapters.candle_store.quarantine import set_folder_aside, set_rows_aside
from tradepool.adapters.candle_store.reader import SeriesReader
from tradepool.adapters.candle_store.store import FileStore, all_of
from tradepool.adapters.candle_store.writer import SeriesWriter, read_corrections
from tradepool.core.market.bar_faults import any_of, impossible, misplaced, odd
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.domain.errors import TradepoolError
from tradepool.ports.candles import Series, Stretch
from tradepool.presentation.data_page import CheckJson, Finding, ListJson, RepairRow, SeriesRow
from tradepool.presentation.formats import iso
from tradepool.presentation.results import SCHEMA


class CandlesWrong(TradepoolError):
    """{count} findings are wrong in {names}; `tradepool data repair` says what it would do about stored ones."""


def listed(store: FileStore) -> ListJson:
    """Everything that is stored, what cannot be used included."""
    return ListJson(SCHEMA, str(store.folder), [_row(folder) for folder in store.folders()])


def _row(folder: Path) -> SeriesRow:
    size = sum(file.stat().st_blocks * 512 for file in folder.iterdir())
    try:
        reader = SeriesReader(folder)
        extent = reader.extent()
    except BrokenSeries as error:
        return SeriesRow("/".join(folder.parts[-3:]), "", "", 0, 0, 0, 0, size, str(error))
    if extent is None:
        return SeriesRow(str(reader.series), "", "", 0, 0, 0, 0, size)
    length = reader.timeframe_ms
    holes = sum(each.bars(length) for each in reader.holes())
    never = sum(each.bars(length) for each in reader.never_made())
    return SeriesRow(
        series=str(reader.series),
        start=iso(extent.first_ms),
        end=iso(extent.end_ms),
        bars=extent.bars(length) - holes - never,
        holes=holes,
        never_made=never,
        corrections=len(read_corrections(folder)),
        bytes=size,
    )


# ---- check


def checked(store: FileStore, wanted: Sequence[str]) -> CheckJson:
    """Look at stored series (all without any named) and at files. Raises BadAddress, NoSuchSeries, a BadCandleFile."""
    files = [Path(text) for text in wanted if Path(text).exists()]
    addresses = [text for text in wanted if not Path(text).exists()]
    findings: list[Finding] = []
    folders = [] if files and not addresses else _folders(store, addresses)
    for folder in folders:
        findings += stored_findings(folder)
    for file in files:
        findings += file_findings(file)
    return CheckJson(SCHEMA, len(folders) + len(files), findings)


def refuse_wrong(found: CheckJson) -> None:
    """Raises CandlesWrong when something is to be repaired."""
    wrong = [each for each in found.findings if each.weight == "wrong"]
    if wrong:
        raise CandlesWrong(count=len(wrong), names=", ".join(dict.fromkeys(each.where for each in wrong)))


def _folders(store: FileStore, addresses: Sequence[str]) -> list[Path]:
    return [store.folder_of(each) for each in all_of(store, addresses)] if addresses else store.folders()


def stored_findings(folder: Path) -> Iterator[Finding]:
    """What is to be said about a stored series."""
    try:
        reader = SeriesReader(folder)
        damaged = {block: why for block in reader.blocks() if (why := reader.broken(block))}
    except BrokenSeries as error:
        yield Finding("/".join(folder.parts[-3:]), "wrong", str(error))
        return
    where, length = str(reader.series), reader.timeframe_ms
    for block, why in damaged.items():
        span = reader.block_span(block)
        yield Finding(where, "wrong", f"damaged: {why}", span.bars(length), iso(span.first_ms), iso(span.end_ms))
    yield from _stretches(where, "wrong", "missing", reader.holes(), length)
    yield from _stretches(where, "note", "never made by the venue", reader.never_made(), length)
    corrections = read_corrections(folder)
    if len(corrections):
        times = corrections["time"]
        yield Finding(where, "note", "corrected", len(times), iso(int(times.min())), iso(int(times.max())))
    if not damaged:
        yield from _marked(where, "wrong", reader.bars(), impossible(reader.bars()))
        yield from _marked(where, "odd", reader.bars(), odd(reader.bars()))


def file_findings(file: Path) -> Iterator[Finding]:
    """What is to be said about a file."""
    where = str(file)
    try:
        bars = read_table(file, series_of(file)).bars
    except TradepoolError as error:
        yield Finding(where, "wrong", " ".join(str(error).split()))
        return
    yield from _marked(where, "wrong", bars, misplaced(bars) | impossible(bars))
    yield from _marked(where, "odd", bars, odd(bars))
    times = np.unique(bars.open_time)
    at = np.flatnonzero(np.diff(times) > bars.timeframe_ms)
    holes = [Stretch(int(times[i]) + bars.timeframe_ms, int(times[i + 1])) for i in at.tolist()]
    yield from _stretches(where, "wrong", "missing", holes, bars.timeframe_ms)


def _stretches(where: str, weight: str, what: str, found: Sequence[Stretch], length: int) -> Iterator[Finding]:
    """All of a kind in one line: a series may have thousands."""
    if found:
        longest = max(found, key=lambda each: each.bars(length))
        told = f"{what} in {len(found):,} stretches, the longest {longest.bars(length):,} from {iso(longest.first_ms)}"
        count = sum(each.bars(length) for each in found)
        yield Finding(
            where, weight, told if len(found) > 1 else what, count, iso(found[0].first_ms), iso(found[-1].end_ms)
        )


def _marked(where: str, weight: str, bars: Bars, kinds: Mapping[str, NDArray[np.bool_]]) -> Iterator[Finding]:
    for kind, marks in kinds.items():
        if marks.any():
            times = bars.open_time[marks]
            yield Finding(where, weight, kind, int(marks.sum()), iso(int(times.min())), iso(int(times.max())))


# ---- repair


def mended(store: FileStore, wanted: Sequence[str], *, do: bool) -> list[RepairRow]:
    """Set aside what is damaged or cannot be; told only, unless `do`. Holes are the downloader's."""
    rows: list[RepairRow] = []
    for folder in _folders(store, wanted):
        try:
            read_grid(folder)
        except BrokenSeries as error:
            kept = str(set_folder_aside(folder, str(error))) if do else ""
            rows.append(RepairRow("/".join(folder.parts[-3:]), "set the whole series aside", result=kept))
            continue
        reader = SeriesWriter(folder) if do else SeriesReader(folder)
        try:
            rows += _mend(reader)
        finally:
            if isinstance(reader, SeriesWriter):
                reader.close()
    return rows


def _mend(reader: SeriesReader) -> Iterator[RepairRow]:
    where, length = str(reader.series), reader.timeframe_ms
    for block in reader.blocks():
        if why := reader.broken(block):
            span = reader.block_span(block)
            kept = str(reader.set_aside(block, why)) if isinstance(reader, SeriesWriter) else ""
            what = f"set a damaged part aside ({why})"
            yield RepairRow(where, what, span.bars(length), iso(span.first_ms), iso(span.end_ms), kept)
            continue
        bars = reader.bars(reader.block_span(block))
        marks = any_of(impossible(bars))
        if marks.any():
            times = bars.open_time[marks]
            kept = ""
            if isinstance(reader, SeriesWriter):
                rows = np.array([times, *(getattr(bars, name)[marks] for name in COLUMNS)]).T
                kept = str(set_rows_aside(reader.folder, where, rows))
                reader.drop(times.tolist())
            yield RepairRow(
                where, "set candles that cannot be aside", len(times), iso(int(times[0])), iso(int(times[-1])), kept
            )


def holes_of(store: FileStore, wanted: Sequence[str]) -> list[tuple[Series, list[Stretch]]]:
    """The holes of the series that can be read."""
    found = []
    for folder in _folders(store, wanted):
        try:
            reader = SeriesReader(folder)
        except BrokenSeries:
            continue
        if holes := reader.holes():
            found.append((reader.series, holes))
    return found
