"""How the findings of `doctor` are shown."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from tradepool.presentation.results import Check


def check_table(checks: Sequence[Check]) -> Table:
    """One line a check; what to do stands under what was found."""
    table = Table.grid(padding=(0, 2))
    for check in checks:
        mark = Text("ok", "green") if check.ok else Text("FAIL", "bold red")
        table.add_row(mark, Text(check.name, "bold"), Text(check.found))
        if check.remedy:
            table.add_row("", "", Text(f"-> {check.remedy}", "dim" if check.ok else "yellow"))
    return table
