"""How the entries of a deployment are said: a line each, with its sentence."""

from __future__ import annotations

import msgspec
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from tradepool.presentation.formats import percent


class SignalRow(msgspec.Struct, frozen=True):
    """An entry that an account was told of; `reason` is empty where the strategy has no words."""

    user: str
    strategy: str
    market: str
    time: str
    close: float
    confidence: float
    reason: str


class SignalsJson(msgspec.Struct, frozen=True):
    """What `signals` prints."""

    schema: int
    signals: list[SignalRow]


def signals_page(found: SignalsJson) -> RenderableType:
    """A table, or that there is nothing yet."""
    if not found.signals:
        return Text("No entry yet.", "dim")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("time", "user", "strategy", "market", "close", "sure"):
        table.add_column(name)
    table.add_column("why", overflow="fold")
    for row in found.signals:
        sure = percent(row.confidence)
        table.add_row(row.time, row.user, row.strategy, row.market, f"{row.close:g}", sure, row.reason)
    return table
