"""Mandates, the rung each stands on, and the checklist before the next one: as JSON and as pages."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tradepool.presentation.people_page import ChangeRow, change_lines
from tradepool.presentation.results import SCHEMA


class CheckRow(msgspec.Struct, frozen=True):
    """One line of a checklist: what was found, and what is wanted."""

    name: str
    ok: bool
    found: str
    wanted: str


class PromotionRow(msgspec.Struct, frozen=True):
    """Who let a mandate go how far, when and why."""

    time: str
    by: str
    before: str
    after: str
    reason: str


class MandateRow(msgspec.Struct, frozen=True):
    """A mandate. `mode` is how far it goes now, `ceiling` how far it may at most; `next` the rung above, None at the top.
    `status` is paused where the mandate, its account or its user is; `version` is 0 for a section of the file."""

    mandate: str
    user: str
    account: str
    strategy: str
    strategy_id: str
    markets: list[str]
    capital: str
    mode: str
    ceiling: str
    next: str | None
    limits: dict[str, str]
    canary: dict[str, str]
    promotions: list[PromotionRow]
    status: str = "active"
    version: int = 0
    changes: list[ChangeRow] = []
    entry: str = "market"
    entry_slippage_max: str = "0"


class NowRow(msgspec.Struct, frozen=True):
    """What a mandate's strategy would do on a market at the last candle that is stored, and why; `time` is None without."""

    market: str
    time: str | None
    what: str


class MandatesJson(msgspec.Struct, frozen=True):
    """`mandates list --json`."""

    mandates: list[MandateRow]
    schema: int = SCHEMA


class PreviewJson(msgspec.Struct, frozen=True):
    """`mandates preview --json`: what it may have at stake on its rung, and what stands before the next. Amounts in the
    quote asset; `loss_a_day` is where entries end for the day, None without that limit; `worst_day` is what a day may lose by
    the limits: no more than is at stake, and, where the limits bound both, the day's loss and what is open until its stops."""

    mandate: MandateRow
    order_max: str
    positions_max: int
    exposure_max: str
    loss_a_day: str | None
    ready: bool
    checklist: list[CheckRow]
    worst_day: str = ""
    now: list[NowRow] = []
    schema: int = SCHEMA


def mandates_page(rows: Sequence[MandateRow]) -> Table:
    """All of them."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("mandate", "user", "account", "strategy", "markets", "capital", "mode", "at most", "status"):
        table.add_column(title)
    for row in rows:
        where = (row.mandate, row.user, row.account, row.strategy, " ".join(row.markets), row.capital)
        table.add_row(*where, row.mode, row.ceiling, row.status)
    return table


def mandate_page(row: MandateRow) -> Group:
    """One of them, with its history."""
    limits = ", ".join(f"{name} {value}" for name, value in row.limits.items()) or "none"
    canary = ", ".join(f"{name} {value}" for name, value in row.canary.items())
    lines = [
        f"{row.mandate}: {row.strategy} ({row.strategy_id}) on {' '.join(row.markets)}",
        f"  account {row.account} of {row.user}, capital {row.capital}",
        f"  entry   {row.entry}"
        + (f", at most {row.entry_slippage_max} beyond the close" if row.entry != "market" else ""),
        f"  limits  {limits}",
        f"  canary  {canary}",
        f"  mode    {row.mode}, at most {row.ceiling}; {row.status}",
        *(f"  {p.time}  {p.before} -> {p.after}, by {p.by}: {p.reason}" for p in row.promotions),
        *change_lines(row.version, row.changes),
    ]
    return Group(*(Text(line) for line in lines))


def checklist_page(rows: Sequence[CheckRow]) -> Table:
    """What stands before a rung, line by line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for row in rows:
        word = Text("ok", style="green") if row.ok else Text("NO", style="bold red")
        table.add_row(word, row.name, row.found, f"wanted: {row.wanted}")
    return table


def preview_page(preview: PreviewJson) -> Group:
    """What it would do at most, and the checklist of its next rung."""
    row = preview.mandate
    worst = "no limit of a day's loss is set" if preview.loss_a_day is None else f"a day ends at -{preview.loss_a_day}"
    head = [
        f"{row.mandate} is {row.mode}, at most {row.ceiling}",
        f"  an order of at most {preview.order_max}, {preview.positions_max} positions at a time, "
        f"{preview.exposure_max} in all; {worst}",
        f"  its worst day by its limits: -{preview.worst_day}",
        *(f"  now {row.market}: {row.what}" for row in preview.now),
    ]
    parts = [Text(line) for line in head]
    if not preview.checklist:
        return Group(*parts, Text("  It can go no farther."))
    return Group(*parts, Text(f"  Before {row.next or 'shadow'}:"), checklist_page(preview.checklist))
