"""What was charged, paid and credited since a copy was made, into that copy: a restore must not ask anybody to pay twice.

Prices on record go along. Books that go back are told anew by the venue, under other numbers: statements of before hold by
their own facts, and what comes out otherwise now is a correction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, select

from tradepool.adapters.database import tables
from tradepool.adapters.database.engine import transaction
from tradepool.adapters.database.journal import DamagedJournal
from tradepool.adapters.database.price_tables import recorded_price
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.core.commission.statement import is_as_settled
from tradepool.domain.charge import Charge, PeriodSettled, bill_of
from tradepool.domain.ids import UserId
from tradepool.runtime import telemetry

log = telemetry.logger(__name__)

NO_FURTHER = (
    "a bill is not carried over further: a statement is not the one that was settled; settle and note anew what follows"
)


@dataclass(frozen=True, slots=True)
class Bills:
    """What made each user's bill, in order; the statements of settled periods; the prices on record."""

    charges: Mapping[UserId, Sequence[Charge]]
    statements: Mapping[tuple[UserId, int], str]
    prices: Sequence[RowMapping]


def bills_in(connection: Connection) -> Bills:
    """Read them; a bill that is damaged is left behind, and named in the log. DBAPIError where a page can't be read."""
    rows, start = DatabaseSettlements(connection), bill_of(UserId(""))
    accounts = select(tables.event.c.account).where(tables.event.c.account.startswith(start, autoescape=True))
    users = [UserId(name.removeprefix(start)) for (name,) in connection.execute(accounts.distinct()).all()]
    prices = connection.execute(select(recorded_price)).mappings().all()
    connection.rollback()
    charges = dict[UserId, Sequence[Charge]]()
    for user in users:
        try:
            charges[user] = rows.charges(user)
        except DamagedJournal as error:
            log.warning("a bill is not carried over", user=user, error=str(error))
    statements = {(user, each.opened_ms): each.statement for user in charges for each in rows.compared(user)[0]}
    return Bills(charges, statements, prices)


def carry_bills(connection: Connection, bills: Bills) -> None:
    """Add what the copy does not know, of each bill up to a statement that is gone or was edited. StoreUnusable, ChangedMeanwhile."""
    rows = DatabaseSettlements(connection)
    for user, charges in bills.charges.items():
        held = rows.charges(user)
        if list(charges[: len(held)]) != held:
            log.warning("a bill is not carried over: it is not the copy's that went on", user=user)
            continue
        for after, charge in enumerate(charges[len(held) :], len(held)):
            if not isinstance(charge, PeriodSettled):
                rows.write(user, charge, after=after)
                continue
            statement = bills.statements.get((user, charge.opened_ms), "")
            if not is_as_settled(statement, charge.digest):
                log.warning(NO_FURTHER, user=user, opened_ms=charge.opened_ms, left=len(charges) - after)
                break
            rows.settle(user, charge, statement, after=after)
    t = recorded_price.c
    known = {tuple(row) for row in connection.execute(select(t.venue, t.symbol, t.minute_ms))}
    connection.rollback()
    newer = [dict(row) for row in bills.prices if (row["venue"], row["symbol"], row["minute_ms"]) not in known]
    with transaction(connection):
        if newer:
            connection.execute(recorded_price.insert(), newer)
