"""A user's commission for people: how a period stands, and what a correction changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradepool.core.commission.settlement import Settled
from tradepool.core.commission.statement import Facts, Outcome
from tradepool.domain.charge import PeriodSettled


def moment(time_ms: int) -> str:
    """A UTC minute.

    >>> moment(0)
    '1970-01-01 00:00'
    """
    return f"{datetime.fromtimestamp(time_ms / 1_000, UTC):%Y-%m-%d %H:%M}"


def commission_page(facts: Facts, outcome: Outcome, notes: list[str]) -> RenderableType:
    """The key figures of a period, and what is to be known about it."""
    settled, currency = outcome.settled, facts.schedule.currency
    table = Table(
        "", currency, title=f"{facts.user}: {moment(facts.period.opened_ms)} to {moment(facts.period.closes_ms)} UTC"
    )
    rows: list[tuple[str, Decimal | str]] = [
        ("profit since joining", settled.pnl),
        *((f"profit of {name}, mark {each.mark}", each.pnl) for name, each in outcome.accounts.items()),
        ("highest ever charged (mark)", settled.mark_before),
        ("charged now", settled.base),
        (f"capital that makes the tier ({moment(outcome.tier.at_ms)})", outcome.tier.amount),
        ("rate", f"{(settled.rate * 100).normalize():f} %"),
        ("commission", settled.commission),
    ]
    for name, amount in rows:
        table.add_row(name, f"{amount}")
    return Group(table, *(Text(note, "yellow") for note in notes))


def correction_page(user: str, periods: Sequence[tuple[PeriodSettled, Settled]], change: Decimal) -> RenderableType:
    """Each period as it was charged and as it should have been, and what is owed more or less by it."""
    table = Table("period", "charged", "should be", "mark", title=f"{user}: correction")
    for was, done in periods:
        name = f"{moment(was.opened_ms)} to {moment(was.closes_ms)}"
        table.add_row(name, f"{was.amount}", f"{done.commission}", f"{done.mark_after}")
    word = f"{-change} credited." if change < 0 else f"{change} charged." if change else "Only the mark changed."
    return Group(table, Text(word))
