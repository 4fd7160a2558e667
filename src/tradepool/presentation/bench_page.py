"""How measurements are shown."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradepool.presentation.results import BenchJson


def bench_table(found: BenchJson) -> RenderableType:
    """The machine, then one line a figure, then what is to be said about some of them."""
    machine = found.machine
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("work")
    table.add_column("ours", justify="right")
    for name in ("unit", "beside", "ratio (above 1: ours is better)"):
        table.add_column(name)
    for row in found.rows:
        peers = ", ".join(f"{name} {value:,.4g}" for name, value in row.peers.items())
        ratios = ", ".join(f"{value:,.3g}" for value in row.ratio.values())
        table.add_row(Text(row.work, "bold"), f"{row.ours:,.4g}", row.unit, Text(peers), ratios)
    head = Text(f"{machine.cpu}, {machine.cores} cores ({' '.join(machine.flags)}), load {machine.load:.2f}", "dim")
    notes = [Text(f"{row.work}: {row.note}", "dim") for row in found.rows if row.note]
    return Group(head, Text(), table, Text(), *notes) if notes else Group(head, Text(), table)
