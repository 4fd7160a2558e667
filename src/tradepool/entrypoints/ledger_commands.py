"""`tradepool ledger`: the books for other programs, and what each ledger account held at any moment."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from tradepool.domain.errors import InvalidInput
from tradepool.entrypoints.deployment_commands import Json, OfUser
from tradepool.entrypoints.inputs import Config

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tradepool.domain.ledger import LedgerEntry
    from tradepool.entrypoints.deployment import Deployed

ledger_app = App(name="ledger", help="The books: export, balance.")


class NotAMoment(InvalidInput):
    """{text} is no moment; write it as 2026-10-31 or 2026-10-31T12:00:00Z."""


@ledger_app.command(name="export")
def ledger_export(
    *,
    format: Annotated[Literal["csv", "beancount"], Parameter(help="What reads it.")] = "csv",
    user: OfUser = None,
    out: Annotated[Path | None, Parameter(help="A file [default: standard output].")] = None,
    config: Config = None,
) -> None:
    """Every entry of the ledger, in order: a CSV row a transfer, or Beancount's text."""
    from tradepool.entrypoints.commission import books_open
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.presentation.ledger_export import beancount_lines, csv_lines

    deployed = deployed_from(config)
    lines_of, between = (csv_lines, "\n") if format == "csv" else (beancount_lines, "\n\n")
    with books_open(deployed) as connection:
        text = between.join(lines_of(entries_of(deployed, connection, user))) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")
        print(f"The ledger is in {out}", file=sys.stderr)


@ledger_app.command(name="balance")
def ledger_balance(
    *,
    at: Annotated[str | None, Parameter(help="Up to and with this moment, UTC [default: now].")] = None,
    user: OfUser = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """The trial balance: what each ledger account holds of each coin; every coin adds up to zero."""
    from tradepool.core.ledger.trial_balance import trial_balance
    from tradepool.entrypoints.commission import books_open
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.ledger_page import balance_json, balance_page

    until_ms = moment_ms(at)
    deployed = deployed_from(config)
    with books_open(deployed) as connection:
        seen = [each for each in entries_of(deployed, connection, user) if until_ms is None or each.time_ms <= until_ms]
    totals = trial_balance(transfer for entry in seen for transfer in entry.transfers)
    if json:
        say(balance_json(totals))
    else:
        show(balance_page(totals, len(seen)))


def entries_of(deployed: Deployed, connection: Connection, user: str | None) -> Iterator[LedgerEntry]:
    """The entries of one user's accounts, or of all, account by account. NoSuchUser."""
    from tradepool.adapters.database.books import DatabaseBooks
    from tradepool.domain.charge import bill_of
    from tradepool.domain.ids import AccountId

    deployed.refuse_unknown_user(user)
    accounts = [name for name, held in deployed.settings.accounts.items() if user in (None, held.user)]
    accounts += [bill_of(each.id) for each in deployed.users if user in (None, each.id)]
    for account in sorted(accounts):
        yield from DatabaseBooks(connection).entries(AccountId(account))


def moment_ms(text: str | None) -> int | None:
    """A moment in ms UTC; a day is its end. NotAMoment.

    >>> moment_ms("1970-01-01"), moment_ms("1970-01-01T00:00:01Z"), moment_ms(None)
    (86399999, 1000, None)
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotAMoment(text=repr(text)[:40]) from None
    whole_day = 86_400_000 - 1 if len(text) == len("2026-10-31") else 0
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1_000) + whole_day
