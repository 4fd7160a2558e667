"""How rate limits, their use and a plan for many users are shown, and the JSON of it."""

from __future__ import annotations

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


class LimitRow(msgspec.Struct, frozen=True):
    """One limit; `used` and `headroom` in the window that is running are null when no running platform was asked."""

    name: str
    measure: str
    amount: int
    window_s: float
    of: str
    used: int | None
    headroom: int | None


class WaitRow(msgspec.Struct, frozen=True):
    """What one priority is sure of (percent of the weight), and how it fared; waits to the next power of two ms."""

    priority: str
    sure_percent: int
    granted: int | None
    waiting: int | None
    p50_below_ms: int | None
    p99_below_ms: int | None


class PlanRow(msgspec.Struct, frozen=True):
    """What one kind of request takes of one limit, a minute; `users_max`: how many users the room is enough for."""

    what: str
    limit: str
    per_minute: float
    room_per_minute: float
    users_max: int | None


class Plan(msgspec.Struct, frozen=True):
    """So many users on one address."""

    users: int
    assumed: list[str]
    rows: list[PlanRow]
    binds_first: str
    users_max_per_address: int
    addresses: int
    streams_up_minutes: float


class LimitsJson(msgspec.Struct, frozen=True):
    """All of `exchange limits`."""

    schema: int
    venue: str
    live: bool
    closed_for_s: int
    limits: list[LimitRow]
    priorities: list[WaitRow]
    plan: Plan | None


def limits_page(found: LimitsJson) -> RenderableType:
    """Limits, priorities, and the plan when one was asked for."""
    parts: list[RenderableType] = [_limits(found), Text(), _priorities(found)]
    if not found.live:
        parts += [
            Text(),
            Text("No use and no waits: no running platform was asked (--config or --socket FILE).", "dim"),
        ]
    if found.closed_for_s:
        parts += [Text(), Text(f"The venue wants silence for {found.closed_for_s} s more.", "bold red")]
    if found.plan is not None:
        parts += [Text(), *_plan(found.plan)]
    return Group(*parts)


def _limits(found: LimitsJson) -> Table:
    table = _table(f"limit of {found.venue}", "amount", "window", "used", "headroom")
    for row in found.limits:
        table.add_row(row.name, f"{row.amount:,}", f"{row.window_s:g} s", _whole(row.used), _whole(row.headroom))
    return table


def _priorities(found: LimitsJson) -> Table:
    table = _table("priority", "sure of", "let through", "waiting", "half below", "99 % below")
    for row in found.priorities:
        waits = (_ms(row.p50_below_ms), _ms(row.p99_below_ms))
        table.add_row(row.priority, f"{row.sure_percent} %", _whole(row.granted), _whole(row.waiting), *waits)
    return table


def _plan(plan: Plan) -> list[RenderableType]:
    table = _table(f"{plan.users:,} users", "limit", "a minute", "room a minute", "room is for")
    for row in plan.rows:
        users = "any number" if row.users_max is None else f"{row.users_max:,} users"
        table.add_row(row.what, row.limit, f"{row.per_minute:,.1f}", f"{row.room_per_minute:,.0f}", users)
    up = f"{plan.streams_up_minutes:.0f} minutes"
    lines = [
        f"What binds first: {plan.binds_first}. One address carries {plan.users_max_per_address:,} users, "
        f"{plan.users:,} need {plan.addresses}.",
        f"Over one address their user streams are up after {up}, those with most at stake first.",
        *(f"Assumed: {line}" for line in plan.assumed),
    ]
    return [table, Text(), *(Text(line, "dim" if line.startswith("Assumed") else "") for line in lines)]


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _whole(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _ms(value: int | None) -> str:
    return "-" if value is None else f"{value:,} ms"
