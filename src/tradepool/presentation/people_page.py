"""People and their accounts: as JSON and as pages, with what was changed by whom."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tradepool.presentation.results import SCHEMA

FILE, BOOKS = "file", "books"


class ChangeRow(msgspec.Struct, frozen=True):
    """One version of something that was added by command: what it changed (from, to), when, and who did it why."""

    version: int
    time: str
    by: str
    status: str
    what: str
    reason: str


class UserRow(msgspec.Struct, frozen=True):
    """A person. `status` is halted while a halt of him or of all is in force; `version` is 0 for a section of the file."""

    user: str
    name: str
    role: str
    status: str
    locale: str
    test: bool
    accounts: list[str]
    version: int
    changes: list[ChangeRow] = []


class AccountRow(msgspec.Struct, frozen=True):
    """An account at the venue; `cash` is what a practice account is opened with, `mandate` who trades it, "" if nobody. One
    that is not `named` has books, and no section of the configuration any more."""

    account: str
    user: str
    status: str
    cash: dict[str, str]
    mandate: str
    version: int
    changes: list[ChangeRow] = []
    named: bool = True


class UsersJson(msgspec.Struct, frozen=True):
    """`users list --json`."""

    users: list[UserRow]
    schema: int = SCHEMA


class AccountsJson(msgspec.Struct, frozen=True):
    """`accounts list --json`."""

    accounts: list[AccountRow]
    schema: int = SCHEMA


def users_page(rows: Sequence[UserRow]) -> Table:
    """All of them."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("user", "name", "role", "status", "accounts", "from"):
        table.add_column(title)
    for row in rows:
        status = f"{row.status}, test" if row.test else row.status
        table.add_row(row.user, row.name, row.role, status, " ".join(row.accounts), origin(row.version))
    return table


def accounts_page(rows: Sequence[AccountRow]) -> Table:
    """All of them."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("account", "user", "status", "mandate", "from"):
        table.add_column(title)
    for row in rows:
        table.add_row(row.account, row.user, row.status, row.mandate, origin(row.version) if row.named else BOOKS)
    return table


def user_page(row: UserRow) -> Group:
    """One person, with what was changed."""
    test = ", a test user" if row.test else ""
    lines = [
        f"{row.user}: {row.name}, {row.role}, {row.status}{test}",
        f"  reads    {row.locale}",
        f"  accounts {' '.join(row.accounts) or 'none'}",
        *change_lines(row.version, row.changes),
    ]
    return Group(*map(Text, lines))


def account_page(row: AccountRow) -> Group:
    """One account, with what was changed."""
    cash = ", ".join(f"{amount} {asset}" for asset, amount in row.cash.items()) or "none"
    lines = [
        f"{row.account} of {row.user}, {row.status}",
        f"  play money  {cash}",
        f"  mandate     {row.mandate or 'none'}",
        *(
            change_lines(row.version, row.changes)
            if row.named
            else ["  books that no section of the configuration names"]
        ),
    ]
    return Group(*map(Text, lines))


def origin(version: int) -> str:
    """Where something is from.

    >>> origin(0), origin(3)
    ('file', 'register, version 3')
    """
    return f"register, version {version}" if version else FILE


def change_lines(version: int, changes: Sequence[ChangeRow]) -> list[str]:
    """Its history, a line a version."""
    if not version:
        return ["  a section of the configuration's file"]
    return [
        f"  {c.time}  {c.version}  {c.status}, by {c.by}: {c.what}{f' ({c.reason})' if c.reason else ''}"
        for c in changes
    ]
