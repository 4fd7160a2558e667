"""`tradepool report slippage`. Heavy imports inside, as in `cli`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from tradepool.entrypoints.inputs import Config

if TYPE_CHECKING:
    from tradepool.entrypoints.deployment import Deployed
    from tradepool.presentation.slippage_page import SlippageJson

Json = Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")]

report_app = App(name="report", help="What the books of a deployment say.")


@report_app.command(name="slippage")
def report_slippage(*, json: Json = False, config: Config = None) -> None:
    """What each user paid against the average of all who acted on the same signals."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.slippage_page import slippage_page

    found = slippage_of(deployed_from(config))
    if json:
        say(found)
    else:
        show(slippage_page(found))


def slippage_of(deployed: Deployed) -> SlippageJson:
    """Read the books of all active mandates, and compare."""
    from tradepool.adapters.database.books import DatabaseBooks
    from tradepool.adapters.database.journal import DatabaseJournal
    from tradepool.core.analysis.slippage import against_average, executions
    from tradepool.entrypoints.books import books_open
    from tradepool.presentation.formats import money
    from tradepool.presentation.slippage_page import SlippageJson, SlippageRow

    with books_open(deployed) as connection:
        journal, books = DatabaseJournal(connection), DatabaseBooks(connection)
        users = {seat.account_id: seat.user.id for seat in deployed.seats}
        executed = [each for name in users for each in executions(journal.intents(name), books.fills(name))]
    accounts: dict[object, set[str]] = {}
    for each in executed:
        accounts.setdefault(each.signal, set()).add(each.account)
    return SlippageJson(
        accounts=[
            SlippageRow(
                user=users[row.account],
                account=row.account,
                signals=row.signals,
                notional=money(row.notional),
                average_bp=round(row.average_bp, 4),
                worst_bp=round(row.worst_bp, 4),
            )
            for row in against_average(executed)
        ],
        signals=len(accounts),
        compared=sum(len(held) > 1 for held in accounts.values()),
    )
