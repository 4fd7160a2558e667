"""A statement is compared with the hash that the journal's event holds, whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.settled import settled
from tests.tampering import by_sql
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.register import ChangedMeanwhile
from tradepool.adapters.database.settlements import DatabaseSettlements, StatementNotAsSettled
from tradepool.adapters.database.verify import verify_books
from tradepool.domain.charge import CommissionPaid
from tradepool.domain.ids import UserId

ANN = UserId("ann")
PAID = CommissionPaid(time_ms=9, currency="USDT", amount=Decimal("-50.00"), by="eva")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Ann's two periods, the first one paid, and one of Ben's."""
    opened = open_store(tmp_path / "t.sqlite", "NORMAL")
    rows = DatabaseSettlements(opened)
    rows.settle(ANN, *settled(0, "first"), after=0)
    rows.write(ANN, PAID, after=1)
    rows.settle(ANN, *settled(10, "second"), after=2)
    rows.settle(UserId("ben"), *settled(0, "third"), after=0)
    yield opened
    dispose(opened)


def said(connection: Connection) -> list[tuple[str, str, str]]:
    """What verifying finds."""
    return [(fault.table, fault.row, fault.why.partition(":")[0]) for fault in verify_books(connection)]


def test_what_nobody_touched_holds(connection: Connection) -> None:
    assert [each.statement for each in DatabaseSettlements(connection).of(ANN)] == [
        text for _, text in (settled(0, "first"), settled(10, "second"))
    ]
    assert said(connection) == []


def test_what_was_decided_from_an_older_bill_is_not_written(connection: Connection) -> None:
    """Neither a payment nor a period with its statement; from the bill as it is both are."""
    rows = DatabaseSettlements(connection)
    charges, periods = rows.charges(ANN), rows.of(ANN)
    for after in range(len(charges)):
        with pytest.raises(ChangedMeanwhile, match="Nothing was done: the bill of ann was changed by somebody else"):
            rows.write(ANN, PAID, after=after)
        with pytest.raises(ChangedMeanwhile):
            rows.settle(ANN, *settled(20, "third"), after=after)
    assert (rows.charges(ANN), rows.of(ANN), said(connection)) == (charges, periods, [])
    rows.write(ANN, replace(PAID, time_ms=11), after=3)
    rows.settle(ANN, *settled(20, "third"), after=4)
    assert (len(rows.charges(ANN)), len(rows.of(ANN)), said(connection)) == (5, 3, [])


OTHER, NEVER = "is not the one that was settled", "was never settled"
SECOND = "update settlement set {} where user = 'ann' and opened_ms = 10"
EDITS = {
    "another one": (SECOND.format("statement = replace(statement, 'second', 'other')"), [("ann 10", OTHER)]),
    "one that was settled before": (
        SECOND.format("statement = (select statement from settlement where user = 'ann' and opened_ms = 0)"),
        [("ann 10", OTHER)],
    ),
    "a space": (SECOND.format("statement = statement || ' '"), [("ann 10", OTHER)]),
    "none": (SECOND.format("statement = ''"), [("ann 10", OTHER)]),
    "a list": (SECOND.format("statement = '[]'"), [("ann 10", OTHER)]),
    "brackets": (SECOND.format(f"statement = '{'[' * 99_999}'"), [("ann 10", OTHER)]),
    "when it was settled": (SECOND.format("settled_ms = 7"), [("ann 10", "has other times than the journal")]),
    "when it closed": (SECOND.format("closes_ms = 21"), [("ann 10", "has other times than the journal")]),
    "when it opened": (
        SECOND.format("opened_ms = 11"),
        [("ann 11", NEVER), ("ann 10", "is not there, and was settled")],
    ),
    "it goes": (
        "delete from settlement where user = 'ann' and opened_ms = 10",
        [("ann 10", "is not there, and was settled")],
    ),
    "one comes": (
        "insert into settlement select user, 30, 40, 50, statement from settlement where user = 'ann' and opened_ms = 0",
        [("ann 30", NEVER)],
    ),
    "one of nobody's comes": ("insert into settlement values ('eve', 1, 2, 3, '{}')", [("eve 1", NEVER)]),
}


@pytest.mark.parametrize("kind", EDITS)
def test_a_statement_that_is_not_the_one_that_was_settled_is_named_and_not_given(
    connection: Connection, kind: str
) -> None:
    """Nor is another one of that user; everybody else's are."""
    statement, wanted = EDITS[kind]
    by_sql(connection, statement)
    found = said(connection)
    assert [(row, why) for table, row, why in found if table == "settlement"] == wanted
    assert len(found) == len(wanted)
    rows = DatabaseSettlements(connection)
    who = UserId(wanted[0][0].split()[0])
    with pytest.raises(StatementNotAsSettled, match=f"The statement of {who} for the period that began 1970-01-01"):
        rows.of(who)
    assert len(rows.of(UserId("ben"))) == 1
