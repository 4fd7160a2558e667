"""What a check of a store found, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table


class FaultJson(msgspec.Struct, kw_only=True):
    """A row that is not as it was written, or a place where there should be one; `why` is a sentence without its subject."""

    table: str
    row: str
    why: str


class StoreJson(msgspec.Struct, kw_only=True):
    """A store that was checked: how much is in it, and what is wrong."""

    schema: int = 1
    store: str
    revision: str
    epoch: int
    rows: dict[str, int]
    accounts: int
    snapshots: int
    faults: list[FaultJson]


class DrillJson(msgspec.Struct, kw_only=True):
    """A backup that was restored aside and checked. `compared` is how many accounts' books were compared with the live
    ones, up to where the backup ends."""

    schema: int = 1
    backup: str
    sealed: bool
    restored: StoreJson
    compared: int


def store_page(found: StoreJson, title: str = "") -> RenderableType:
    """What is in it, then the faults."""
    table = Table("table", "rows", title=title or f"{found.store}, revision {found.revision}, instance {found.epoch}")
    table.columns[1].justify = "right"
    for name, count in sorted(found.rows.items()):
        if count:
            table.add_row(name, f"{count:,}")
    told = f"{found.accounts} accounts folded from their journals, {found.snapshots} snapshots compared."
    return Group(table, told, faults_page(found.faults))


def faults_page(faults: Sequence[FaultJson]) -> RenderableType:
    """A line for each."""
    if not faults:
        return "Nothing is wrong."
    table = Table("table", "row", "what is wrong", title=f"{len(faults)} faults")
    for fault in faults:
        table.add_row(fault.table, fault.row, fault.why)
    return table
