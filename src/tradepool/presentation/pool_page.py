"""The trade pool for people and scripts: who consents, how it stands, trades by a column."""

from __future__ import annotations

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradepool.presentation.formats import percent


class ConsentRow(msgspec.Struct, frozen=True):
    """A user's last word; `consents` says whether it holds now, `listed` how many of his trades are pooled."""

    user: str
    consents: bool
    since: str
    by: str
    listed: int


class PoolStatusJson(msgspec.Struct, frozen=True):
    """What `pool status` prints. `to_compact` trades were withdrawn and are still in the file, where no query sees them."""

    schema: int
    trades: int
    origins: dict[str, int]
    consents: list[ConsentRow]
    to_compact: int
    gathered: str | None
    next: str | None
    secret_since: str | None


class GroupRow(msgspec.Struct, frozen=True):
    """Trades that share a value: their mean return in basis points, as the pool has it, and the share that won."""

    value: str
    trades: int
    mean_bp: float
    won: float


class PoolShowJson(msgspec.Struct, frozen=True):
    """What `pool show` prints."""

    schema: int
    by: str
    origin: str | None
    trades: int
    groups: list[GroupRow]


class GatheredJson(msgspec.Struct, frozen=True):
    """What `pool gather` did: trades added of users and of backtests, withdrawn ones taken out of the file, and all."""

    schema: int
    added: int
    backtests: int
    removed: int
    trades: int


def status_page(found: PoolStatusJson) -> RenderableType:
    """Consents as a table, and the pool in two lines."""
    origins = ", ".join(f"{count:,} {origin}" for origin, count in found.origins.items()) or "none yet"
    lines = [
        Text(f"{found.trades:,} trades: {origins}"),
        Text(f"gathered {found.gathered or 'never'}; pseudonyms' secret since {found.secret_since or 'never'}", "dim"),
    ]
    if found.to_compact:
        lines.append(Text(f"{found.to_compact:,} withdrawn trades leave the file with the next gathering", "yellow"))
    if not found.consents:
        return Group(*lines, Text("Nobody has been asked yet: tradepool pool consent USER", "dim"))
    table = _table("user", "consents", "since", "by", "pooled")
    for row in found.consents:
        table.add_row(row.user, "yes" if row.consents else "no", row.since, row.by, f"{row.listed:,}")
    return Group(table, *lines)


def show_page(found: PoolShowJson) -> RenderableType:
    """A row a group, or that there is nothing yet."""
    if not found.groups:
        return Text("Nothing is pooled yet: tradepool pool status", "dim")
    table = _table(found.by, "trades", "mean, bp", "won")
    for row in found.groups:
        table.add_row(row.value, f"{row.trades:,}", f"{row.mean_bp:+.2f}", percent(row.won))
    return Group(table, Text(f"{found.trades:,} trades", "dim"))


def gathered_line(found: GatheredJson) -> str:
    """One sentence."""
    return (
        f"{found.added:,} trades and {found.backtests:,} backtest trades are new in the pool, {found.removed:,} withdrawn "
        f"ones are out of its file; it holds {found.trades:,}."
    )


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, justify="left" if name == names[0] else "right")
    return table


def consent_words(user: str, *, given: bool, news: bool) -> str:
    """What a user's word means, said whenever it is written down."""
    if not given:
        return (
            f"{user} consents no more: no query or export shows his trades from now on, and the next gathering takes them "
            "out of the pool's file. Exports and models made before are not changed by it."
        )
    said = f"{user} consents" if news else f"{user} consented before"
    return (
        f"{said}: the closed trades of his accounts, those so far and those to come, are pooled without name, sizes or "
        "amounts, as docs/guides/pool.md says. Take it back with --withdraw."
    )
