"""Each user's slippage against the average, as JSON and as a table."""

from __future__ import annotations

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tradepool.presentation.results import SCHEMA


class SlippageRow(msgspec.Struct, frozen=True):
    """An account; basis points above zero are worse than the average of all who acted on the same signals."""

    user: str
    account: str
    signals: int
    notional: str
    average_bp: float
    worst_bp: float


class SlippageJson(msgspec.Struct, frozen=True):
    """`report slippage --json`: accounts, the worst off first; `compared` signals had more than one account."""

    accounts: list[SlippageRow]
    signals: int
    compared: int
    schema: int = SCHEMA


def slippage_page(found: SlippageJson) -> Group:
    """For people."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("user", "account", "signals", "traded", "against the average", "at worst"):
        table.add_column(title, justify="left" if title in ("user", "account") else "right")
    for row in found.accounts:
        figures = (str(row.signals), row.notional, f"{row.average_bp:+.2f} bp", f"{row.worst_bp:+.2f} bp")
        table.add_row(row.user, row.account, *figures)
    head = f"{found.compared} of {found.signals} signals were acted on by more than one account; above zero is worse."
    return Group(Text(head), table)
