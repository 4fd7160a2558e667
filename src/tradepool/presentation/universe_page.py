"""How a universe is said: a line a market, with every rule that removes it and by how much."""

from __future__ import annotations

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


class RemovalRow(msgspec.Struct, frozen=True):
    """A rule that removes a market; numbers are null where there are none."""

    rule: str
    value: float | None
    limit: float | None
    by: float | None
    text: str


class MarketRow(msgspec.Struct, frozen=True):
    """A market, whether it is in, its status (null: nobody was asked), what was measured of it, and what removes it."""

    market: str
    venue: str
    is_in: bool
    allowed: bool
    status: str | None
    measured: dict[str, float]
    removed_by: list[RemovalRow]


class UniverseJson(msgspec.Struct, frozen=True):
    """What `universe show` prints."""

    schema: int
    markets: list[MarketRow]


def universe_page(found: UniverseJson) -> RenderableType:
    """Markets that are in first; then the others, each with all that removes it."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("market")
    table.add_column("")
    for name in ("volume a day", "range %", "volatility %", "age d", "step %", "spread %"):
        table.add_column(name, justify="right")
    table.add_column("status")
    table.add_column("removed by", overflow="fold")
    for row in sorted(found.markets, key=lambda row: not row.is_in):
        state = Text("in", "green") if row.is_in else Text("out", "red")
        names = ("volume", "range", "volatility", "age", "step", "spread")
        numbers = [_short(row.measured.get(name)) for name in names]
        why = "; ".join(item.text for item in row.removed_by) or ("on the allow list" if row.allowed else "")
        table.add_row(f"{row.venue}:{row.market}", state, *numbers, row.status or "?", why)
    inside = sum(row.is_in for row in found.markets)
    return Group(table, Text(f"{inside} of {len(found.markets)} markets are in.", "dim"))


def _short(value: float | None) -> str:
    """Four digits.

    >>> _short(12_345_678.0), _short(0.0123), _short(None)
    ('12,345,678', '0.0123', '?')
    """
    return "?" if value is None else f"{value:,.0f}" if value >= 1_000 else f"{value:.4g}"
