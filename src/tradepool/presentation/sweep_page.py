"""How a sweep is shown: the best parameter sets, one a line."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradepool.presentation.results import SweepJson


def sweep_page(swept: SweepJson) -> RenderableType:
    """A line about the run, the table of the best sets, and a warning that belongs to it."""
    head = f"{swept.strategy} on {swept.market}, {swept.bars:,} bars, {swept.sets:,} parameter sets, cash {swept.cash}"
    names = list(swept.best[0].parameters) if swept.best else []
    table = Table(box=None, header_style="bold", padding=(0, 2))
    for name in (*names, "final equity", "trades", "won", "deepest fall", "refused"):
        table.add_column(name, justify="right")
    for one in swept.best:
        values = [f"{one.parameters[name]:g}" for name in names]
        won = f"{one.wins / one.trades:.0%}" if one.trades else "-"
        fall = f"{float(one.drawdown):.1%}"
        table.add_row(*values, one.final_equity, f"{one.trades:,}", won, fall, f"{one.refusals:,}")
    warning = "The best of many sets is partly luck: try it on candles that chose nothing before you believe it."
    return Group(Text(head, "bold"), table, Text(warning, "dim"))
