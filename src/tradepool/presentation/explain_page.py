"""A past day beside its backtest: what differs, and why."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tradepool.core.backtest.differences import Cause, Difference
from tradepool.presentation.formats import iso, money, plain, price_text
from tradepool.presentation.results import SCHEMA


class DifferenceRow(msgspec.Struct, frozen=True):
    """One difference. `cost` is in the quote asset, above zero where what happened was worse; None where it can't be said."""

    time: str
    market: str
    what: str
    expected: str
    happened: str
    cause: str
    detail: str
    cost: str | None


class ExplainedMandate(msgspec.Struct, frozen=True):
    """A mandate's day. `entries` are those that happened, `expected` those of the backtest; `note` says why it could not
    be replayed, "" where it was; `before` what could not be, before that."""

    mandate: str
    markets: list[str]
    entries: int
    expected: int
    slippage: str
    differences: list[DifferenceRow]
    note: str = ""
    before: str = ""


class ExplainJson(msgspec.Struct, frozen=True):
    """`explain --json`."""

    user: str
    day: str
    mandates: list[ExplainedMandate]
    schema: int = SCHEMA


def difference_row(found: Difference) -> DifferenceRow:
    """One difference."""
    return DifferenceRow(
        time=iso(found.time_ms),
        market=str(found.market).partition(":")[2],
        what=found.what,
        expected=found.expected,
        happened=found.happened,
        cause=found.cause,
        detail=found.detail,
        cost=None if found.cost is None else plain(found.cost),
    )


def explain_page(told: ExplainJson) -> Group:
    """For people: a mandate after the other."""
    parts: list[Text | Table] = [Text(f"{told.user} on {told.day}, beside a backtest of the same candles")]
    for each in told.mandates:
        head = f"{each.mandate} ({' '.join(each.markets)}): {each.entries} entries, {each.expected} in the backtest"
        parts.append(Text(f"{each.mandate}: {each.note}" if each.note else f"{head}; slippage cost {each.slippage}"))
        if each.before:
            parts.append(Text(f"  {each.before}", style="yellow"))
        if each.differences:
            parts.append(_table(each.differences))
        elif not each.note:
            parts.append(Text("  Nothing differs.", style="green"))
    return Group(*parts)


def _table(rows: list[DifferenceRow]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("time", "market", "what", "backtest", "happened", "cause", "", "cost"):
        table.add_column(title)
    for row in rows:
        cost = "" if row.cost is None else money(Decimal(row.cost), signed=True)
        style = "bold red" if row.cause == Cause.UNEXPLAINED else None
        expected, happened = (" ".join(map(price_text, each.split(" "))) for each in (row.expected, row.happened))
        table.add_row(row.time, row.market, row.what, expected, happened, row.cause, row.detail, cost, style=style)
    return table
