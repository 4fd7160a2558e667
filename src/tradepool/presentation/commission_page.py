"""A user's commission for people: how a period stands, and a settled statement as a page of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradepool.core.commission.statement import Facts, Outcome

STYLE = "body{font:15px sans-serif;max-width:56em;margin:2em auto}td,th{padding:.2em 1em .2em 0;text-align:left}"


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
        ("highest ever charged (mark)", settled.mark_before),
        ("charged now", settled.base),
        (f"capital that makes the tier ({moment(outcome.tier.at_ms)})", outcome.tier.amount),
        ("rate", f"{(settled.rate * 100).normalize():f} %"),
        ("commission", settled.commission),
    ]
    for name, amount in rows:
        table.add_row(name, f"{amount}")
    return Group(table, *(Text(note, "yellow") for note in notes))


def statement_html(text: str) -> str:
    """A statement as a page that needs nothing else: the same figures, and the hash they are checked by."""
    said = json.loads(text)
    currency = escape(said["currency"])
    trades = [(moment(at), amount, what) for at, amount, what in said["trades"]]
    flows = [(moment(at), amount, f"{kind} {note}") for at, amount, kind, note in said["flows"]]
    lots = [
        (f"{each['quantity']} {each['asset']}", each["cost"], each["price"], each["counted"])
        for each in said["open_lots"]
    ]
    figures = [
        ("profit since joining", said["pnl"]),
        ("opening mark", said["opening_mark"]),
        ("charged", said["base"]),
        ("tier capital", f"{said['tier_capital']['amount']} at {moment(said['tier_capital']['at_ms'])} UTC"),
        ("rate", said["rate"]),
        ("commission", f"{said['commission']} {currency}"),
        ("closing mark", said["closing_mark"]),
    ]
    period = f"{moment(said['period']['opened_ms'])} to {moment(said['period']['closes_ms'])} UTC"
    parts = [
        f"<!doctype html><meta charset=utf-8><title>Commission {escape(said['user'])}</title><style>{STYLE}</style>",
        f"<h1>Commission of {escape(said['user'])}</h1><p>{period}{' (provisional)' if said['provisional'] else ''}</p>",
        _table(("", currency), figures),
        "<h2>Capital</h2>" + _table(("time, UTC", currency, "why"), flows),
        "<h2>Sales</h2>" + _table(("time, UTC", currency, "what"), trades),
        "<h2>Fees</h2>" + _table(("asset", "amount"), list(said["fees"].items())),
        "<h2>Open lots</h2>" + _table(("lot", "cost", "price", "counted"), lots),
        f"<p>Rules {escape(', '.join(said['rules']))}. Hash {escape(said['hash'])}; count it again with tradepool commission "
        "statement --verify FILE.</p>",
    ]
    return "\n".join(parts)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return "<p>none</p>"
    cells = ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><tr>{top}</tr>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"
