"""What the `data` commands say: JSON shapes, and the same as tables."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

SIZES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
STYLES = {"wrong": "bold red", "odd": "yellow", "note": "dim"}


class SeriesRow(msgspec.Struct, frozen=True):
    """A stored series: its first and last known time (`end` is when the last bar closes), counts of bars, bytes on disk.

    `holes` are bars that may exist and are not here, `never_made` bars the venue never made. `fault` is empty, or why
    the series cannot be used.
    """

    series: str
    start: str
    end: str
    bars: int
    holes: int
    never_made: int
    corrections: int
    bytes: int
    fault: str = ""


class ListJson(msgspec.Struct, frozen=True):
    """What `data list` prints."""

    schema: int
    folder: str
    series: list[SeriesRow]


class ImportRow(msgspec.Struct, frozen=True):
    """What became of a file; `error` is empty when its candles are stored."""

    file: str
    series: str
    new: int = 0
    same: int = 0
    corrected: int = 0
    left_out: int = 0
    notes: list[str] = msgspec.field(default_factory=list)
    error: str = ""


class ImportJson(msgspec.Struct, frozen=True):
    """What `data import` prints."""

    schema: int
    files: list[ImportRow]


class ExportRow(msgspec.Struct, frozen=True):
    """The files of a series."""

    series: str
    bars: int
    files: list[str]


class ExportJson(msgspec.Struct, frozen=True):
    """What `data export` prints."""

    schema: int
    series: list[ExportRow]


class Finding(msgspec.Struct, frozen=True):
    """`weight`: `wrong` (to be repaired), `odd` (to be looked at) or `note`; `count` bars between `start` and `end`."""

    where: str
    weight: str
    what: str
    count: int = 0
    start: str = ""
    end: str = ""


class CheckJson(msgspec.Struct, frozen=True):
    """What `data check` prints: how many series and files were looked at, and what was found."""

    schema: int
    checked: int
    findings: list[Finding]


class RepairRow(msgspec.Struct, frozen=True):
    """A step of a repair: what is done to so many bars; `result` is empty when it was only told."""

    where: str
    what: str
    bars: int = 0
    start: str = ""
    end: str = ""
    result: str = ""


class RepairJson(msgspec.Struct, frozen=True):
    """What `data repair` prints; `done` is false for a dry run."""

    schema: int
    done: bool
    steps: list[RepairRow]


class DownloadRow(msgspec.Struct, frozen=True):
    """What a download did to a series; `missing` is what the venue would not tell."""

    series: str
    start: str
    end: str
    new: int
    corrected: int
    never_made: int
    refused: int
    missing: int
    requests: int


class DownloadJson(msgspec.Struct, frozen=True):
    """What `data download` prints."""

    schema: int
    series: list[DownloadRow]


def list_page(found: ListJson) -> RenderableType:
    """One line a series."""
    if not found.series:
        return Text(f"No candles in {found.folder} yet: see tradepool data download --help and data import --help.")
    rows = [
        (
            r.series,
            r.start,
            r.end,
            r.bars,
            r.holes,
            r.never_made,
            r.corrections,
            size_text(r.bytes),
            Text(r.fault, "red"),
        )
        for r in found.series
    ]
    names = ("series", "from", "to", "bars", "holes", "never made", "corrections", "size", "")
    return Group(Text(found.folder, "dim"), _table(names, rows, 3))


def import_page(found: ImportJson) -> RenderableType:
    """One line a file."""
    rows = [
        (
            r.file,
            r.series,
            r.new,
            r.same,
            r.corrected,
            r.left_out,
            Text(r.error, "red") if r.error else "; ".join(r.notes),
        )
        for r in found.files
    ]
    return _table(("file", "series", "new", "same", "corrected", "left out", ""), rows, 2)


def export_page(found: ExportJson) -> RenderableType:
    """One line a file."""
    return _table(("series", "file"), [(row.series, file) for row in found.series for file in row.files], 2)


def check_page(found: CheckJson) -> RenderableType:
    """One line a finding."""
    looked = Text(f"{found.checked:,} looked at, {len(found.findings):,} findings", "dim")
    rows = [
        (Text(f.weight, STYLES[f.weight]), f.where, f.what, f"{f.count:,}" if f.count else "", f.start, f.end)
        for f in found.findings
    ]
    return Group(looked, _table(("", "where", "what", "bars", "from", "to"), rows, 9)) if rows else looked


def repair_page(found: RepairJson) -> RenderableType:
    """One line a step, and what to type to have them done."""
    if not found.steps:
        return Text("Nothing to repair.")
    rows = [(r.where, r.what, f"{r.bars:,}" if r.bars else "", r.start, r.end, r.result) for r in found.steps]
    names = ("where", "what", "bars", "from", "to", "result" if found.done else "")
    table = _table(names, rows, 9)
    return table if found.done else Group(table, Text("Nothing was changed; add --yes to have this done.", "yellow"))


def download_page(found: DownloadJson) -> RenderableType:
    """One line a series."""
    rows = [
        (r.series, r.start, r.end, r.new, r.corrected, r.never_made, r.refused, r.missing, r.requests)
        for r in found.series
    ]
    names = ("series", "from", "to", "new", "corrected", "never made", "refused", "missing", "requests")
    return _table(names, rows, 3)


def size_text(count: int) -> str:
    """Bytes for people.

    >>> size_text(512), size_text(3 << 20)
    ('512 B', '3.0 MiB')
    """
    for size, unit in SIZES:
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _table(names: Sequence[str], rows: Sequence[Sequence[object]], numbers_from: int) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for at, name in enumerate(names):
        table.add_column(name, justify="right" if at >= numbers_from and name else "left", overflow="fold")
    for row in rows:
        table.add_row(
            *(cell if isinstance(cell, Text) else f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row)
        )
    return table
