"""`data import` and `data export`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from tradepool.adapters.candle_files.export import export, read_never_made
from tradepool.adapters.candle_files.found_name import series_of
from tradepool.adapters.candle_files.tables import read_table, usable
from tradepool.adapters.candle_store.store import FileStore, all_of
from tradepool.core.market.bars import Bars
from tradepool.domain.errors import TradepoolError
from tradepool.ports.candles import Appended, CandleWriter, Series, Stretch
from tradepool.presentation.data_page import ExportJson, ExportRow, ImportJson, ImportRow
from tradepool.presentation.results import SCHEMA


class NotImported(TradepoolError):
    """{count} of {total} files were not imported, the first because: {why}"""


def imported(
    store: FileStore,
    files: Sequence[Path],
    now_ms: int,
    *,
    series: Series | None = None,
    venue: str | None = None,
    drop_bad: bool = False,
    holes_never_made: bool = False,
) -> ImportJson:
    """Take in files, one after the other; what is wrong with one does not keep the others out."""
    rows = []
    with Progress(transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("import", total=len(files))
        for file in files:
            progress.update(task, description=file.name)
            name = ""
            try:
                found = series or series_of(file, venue)
                name = str(found)
                rows.append(_take(store, file, found, now_ms, drop_bad=drop_bad, never=holes_never_made))
            except TradepoolError as error:
                rows.append(ImportRow(str(file), name, error=" ".join(str(error).split())))
            progress.advance(task)
    return ImportJson(SCHEMA, rows)


def refuse_failed(found: ImportJson) -> None:
    """Raises NotImported when a file could not be taken in."""
    failed = [row.error for row in found.files if row.error]
    if failed:
        raise NotImported(count=len(failed), total=len(found.files), why=failed[0])


def _take(store: FileStore, file: Path, series: Series, now_ms: int, *, drop_bad: bool, never: bool) -> ImportRow:
    table = read_table(file, series)
    bars, left_out, notes = usable(file, table, drop_bad=drop_bad)
    with store.writer(series) as writer:
        done: Appended = writer.append(bars, now_ms)
        marked = 0
        for each in read_never_made(file.parent):
            marked += writer.mark_never_made(_within(each, bars))
        if never:
            marked += _mark_holes(writer, bars)
    if marked:
        notes = (*notes, f"{marked:,} bars never made")
    return ImportRow(str(file), str(series), done.new, done.same, done.corrected, left_out, list(notes))


def _within(span: Stretch, bars: Bars) -> Stretch:
    """The part of a span about which these bars may speak: from the first one, up to a month after the last."""
    return Stretch(max(span.first_ms, int(bars.open_time[0])), max(span.end_ms, int(bars.open_time[0])))


def _mark_holes(writer: CandleWriter, bars: Bars) -> int:
    span = Stretch(int(bars.open_time[0]), bars.close_time(-1))
    return sum(writer.mark_never_made(hole) for hole in writer.holes(span))


def exported(store: FileStore, wanted: Sequence[str], folder: Path, kind: str, span: Stretch | None) -> ExportJson:
    """Write series out; a series may be one that is made of shorter bars. Raises what the store and the files raise."""
    rows = []
    for series in _named(store, wanted):
        bars = store.bars(series, span)
        stored = series in store.series()
        never = store.reader(series).never_made(span) if stored else []
        files = export(folder, series, bars, never, kind) if len(bars) else []
        rows.append(ExportRow(str(series), len(bars), [str(file) for file in files]))
    return ExportJson(SCHEMA, rows)


def _named(store: FileStore, wanted: Sequence[str]) -> list[Series]:
    """Series of full addresses whether they are stored or made of others; else what `all_of` finds."""
    if not wanted:
        return all_of(store, [])
    return [each for text in wanted for each in ([Series.parse(text)] if "@" in text else all_of(store, [text]))]
