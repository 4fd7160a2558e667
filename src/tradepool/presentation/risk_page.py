"""Limits as they stand: a row each, for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.table import Table
from rich.text import Text

from tradepool.presentation.results import SCHEMA


class RiskRow(msgspec.Struct, frozen=True):
    """One limit. `in_use` and `headroom` are null where it is about one entry alone, or nobody trades; `unit` is `quote`,
    `share`, `count` or `s`. `since` and `note` say that it is reached now, and by what. `set_by` is whoever changed the
    configuration's value, "" where it holds."""

    limit: str
    value: str
    unit: str
    action: str
    in_use: str | None
    headroom: str | None
    since: str
    note: str
    denial: str
    sentence: str
    set_by: str
    reason: str


class RiskJson(msgspec.Struct, frozen=True):
    """All limits of a deployment. `process` is trading or stopped: then nothing is in use."""

    deployment: str
    process: str
    limits: list[RiskRow]
    schema: int = SCHEMA


def risk_page(found: RiskJson) -> Table:
    """For people."""
    table = Table(box=None, header_style="bold", pad_edge=False, title_justify="left")
    for title in ("limit", "value", "in use", "headroom", "unit", "action", "reached since", "set by"):
        table.add_column(title, justify="right" if title in ("value", "in use", "headroom") else "left")
    for row in found.limits:
        table.add_row(
            row.limit,
            row.value,
            row.in_use or "-",
            row.headroom or "-",
            row.unit,
            row.action,
            Text(row.since, style="red"),
            f"{row.set_by}: {row.reason}" if row.set_by else "",
        )
    return table


def reached(rows: Sequence[RiskRow]) -> list[str]:
    """Limits that are reached, a line each: what, since when, and the sentence of its denial."""
    return [f"{row.note}, since {row.since}: {row.sentence} ({row.action})" for row in rows if row.since]
