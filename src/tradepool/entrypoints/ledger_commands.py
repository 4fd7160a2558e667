"""`tradepool ledger`: the books for other programs, and what each ledger account held at any moment."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from tradepool.domain.errors import InvalidInput
from tradepool.domain.ledger import LedgerCode
from tradepool.entrypoints.deployment_commands import Json, OfUser, Reason
from tradepool.entrypoints.inputs import Config

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tradepool.domain.ledger import LedgerEntry
    from tradepool.entrypoints.deployment import Deployed

ledger_app = App(name="ledger", help="The books: export, balance, verify, correct.")


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
    from tradepool.entrypoints.books import books_open
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
    value: Annotated[str | None, Parameter(help="Also what it is worth then, in this coin, such as USDT.")] = None,
    user: OfUser = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """The trial balance: what each ledger account holds of each coin; every coin adds up to zero.

    With --value and --at, at the last closes on record at or before that moment, at most a day old; nobody is asked. Without
    --at, at the venue's closes now, which are put on record. A price that is missing is named, and then there is no total.
    """
    from tradepool.core.ledger.trial_balance import trial_balance
    from tradepool.entrypoints.books import books_open
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.saying import say, show
    from tradepool.entrypoints.valuing import valuation
    from tradepool.presentation.ledger_page import balance_json, balance_page, valuation_page

    until_ms = moment_ms(at)
    deployed = deployed_from(config)
    with books_open(deployed) as connection:
        seen = [each for each in entries_of(deployed, connection, user) if until_ms is None or each.time_ms <= until_ms]
        totals = trial_balance(transfer for entry in seen for transfer in entry.transfers)
        worth = valuation(deployed, connection, totals, value, until_ms) if value is not None else None
    if json:
        say(balance_json(totals, worth))
    else:
        show(balance_page(totals, len(seen)))
        if worth is not None:
            show(valuation_page(worth, deployed.venue.id))


@ledger_app.command(name="verify")
def ledger_verify(
    *,
    noted: Annotated[Path | None, Parameter(help="What an earlier verify --json said, kept elsewhere.")] = None,
    user: OfUser = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Whether the books are as they were written: each row's digest, and every entry against what the journal's events
    book anew. Exit code 1 with the rows that somebody edited, removed or added by SQL. Without --user the audit, too.

    With --noted, whether these are still the chains they were then: whoever can write the database could write them anew.
    """
    from tradepool.adapters.database.verify import accounts_in, heads, not_as_noted, verify_audit, verify_ledger
    from tradepool.domain.charge import bill_of
    from tradepool.domain.ids import UserId
    from tradepool.entrypoints.audit_commands import noted_heads, tell
    from tradepool.entrypoints.books import accounts_of, books_open
    from tradepool.entrypoints.deployment import deployed_from

    deployed = deployed_from(config)
    with books_open(deployed) as connection:
        theirs = accounts_of(deployed, connection, user) if user is not None else None
        accounts = accounts_in(connection) if theirs is None else [*theirs, bill_of(UserId(str(user)))]
        faults, links = verify_ledger(connection, accounts), heads(connection, accounts, audit=theirs is None)
        if theirs is None:
            faults += verify_audit(connection)
        if noted is not None:
            faults += not_as_noted(connection, noted_heads(noted))
    tell(faults, links, json=json)


@ledger_app.command(name="correct")
def ledger_correct(
    account: Annotated[str, Parameter(help="Its name, be it in the configuration or in the books only.")],
    *,
    debit: Annotated[LedgerCode, Parameter(help="The ledger account it goes to.")],
    credit: Annotated[LedgerCode, Parameter(help="The ledger account it comes from.")],
    asset: Annotated[str, Parameter(help="Such as USDT.")],
    amount: Annotated[str, Parameter(help="Above zero.")],
    reason: Reason = None,
    config: Config = None,
) -> None:
    """Put the books right by an entry of its own. The account's name is typed back, and a second person types his own.

    Nothing moves at the venue, and nobody may trade meanwhile (tradepool stop).
    """
    from tradepool.domain.ids import AccountId
    from tradepool.entrypoints.correcting import Correction, correct
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.inputs import decimal_of

    wish = Correction(
        account=AccountId(account), debit=debit, credit=credit, asset=asset, amount=decimal_of("--amount", amount)
    )
    print(correct(deployed_from(config), wish, reason))


def entries_of(deployed: Deployed, connection: Connection, user: str | None) -> Iterator[LedgerEntry]:
    """The entries of one user's accounts, or of all that there are, account by account. NoSuchUser."""
    from tradepool.adapters.database.books import DatabaseBooks
    from tradepool.adapters.database.verify import accounts_in
    from tradepool.domain.charge import bill_of
    from tradepool.domain.ids import UserId
    from tradepool.entrypoints.books import accounts_of

    whose = deployed.only if user is None else user
    if whose is None:
        accounts = accounts_in(connection)
    else:
        accounts = sorted([*accounts_of(deployed, connection, whose), bill_of(UserId(whose))])
    for account in accounts:
        yield from DatabaseBooks(connection).entries(account)


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
