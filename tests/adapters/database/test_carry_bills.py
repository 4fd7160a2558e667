"""A copy goes back in time; what was charged and paid since does not."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.settled import settled
from tests.tampering import by_sql
from tradepool.adapters.database.carry import carry_newer, decided_in
from tradepool.adapters.database.carry_bills import NO_FURTHER
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.prices import DatabasePrices
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.core.commission.bill import unpaid
from tradepool.core.commission.recorded import Recorded
from tradepool.domain.charge import CommissionPaid
from tradepool.domain.ids import MarketId, UserId

ANN = UserId("ann")
BNB = MarketId("binance:BNB/USDT")


def test_a_restored_copy_knows_who_paid_since(tmp_path: Path) -> None:
    """Invoices, statements, payments and prices; once, however often it is carried over."""
    now = open_store(tmp_path / "now.sqlite")
    rows, prices = DatabaseSettlements(now), DatabasePrices(now)
    rows.settle(ANN, *settled(0, "first"), after=0)
    prices.add({(BNB, 0): Recorded(Decimal(600))})
    dispose(now)
    shutil.copy(tmp_path / "now.sqlite", tmp_path / "copy.sqlite")
    now = open_store(tmp_path / "now.sqlite")
    rows, prices = DatabaseSettlements(now), DatabasePrices(now)
    rows.settle(ANN, *settled(10, "second"), after=1)
    rows.write(ANN, CommissionPaid(time_ms=20, currency="USDT", amount=Decimal("-100.00"), by="eva"), after=2)
    prices.add({(BNB, 60_000): Recorded(None)})
    copy = open_store(tmp_path / "copy.sqlite")
    before = len(DatabaseSettlements(copy).charges(ANN))
    for _ in range(2):
        carry_newer(copy, decided_in(now))
    there = DatabaseSettlements(copy)
    assert before == 1
    assert there.charges(ANN) == rows.charges(ANN)
    assert unpaid(there.charges(ANN)) == []
    assert [each.statement for each in there.of(ANN)] == [
        text for _, text in (settled(0, "first"), settled(10, "second"))
    ]
    known = DatabasePrices(copy).of([(BNB, 0), (BNB, 60_000)])
    assert known == {(BNB, 0): Recorded(Decimal(600)), (BNB, 60_000): Recorded(None)}
    for connection in (now, copy):
        dispose(connection)


def test_a_bill_that_began_anew_is_not_mixed_with_the_copys(tmp_path: Path) -> None:
    """Where the real books were lost, others may have begun: their second charge is no charge after our first."""
    copy, other = open_store(tmp_path / "copy.sqlite"), open_store(tmp_path / "other.sqlite")
    DatabaseSettlements(copy).settle(ANN, *settled(0, "ours"), after=0)
    for after, opened_ms in enumerate((20, 30)):
        DatabaseSettlements(other).settle(ANN, *settled(opened_ms, "theirs"), after=after)
    carry_newer(copy, decided_in(other))
    assert DatabaseSettlements(copy).charges(ANN) == [settled(0, "ours")[0]]
    for connection in (copy, other):
        dispose(connection)


@pytest.mark.parametrize(
    "edit",
    [
        "delete from settlement where user = 'ann' and opened_ms = 10",
        "update settlement set opened_ms = 11 where user = 'ann' and opened_ms = 10",
        "update settlement set statement = replace(statement, 'second', 'other') where user = 'ann'",
    ],
)
def test_a_bill_goes_on_as_far_as_its_statements_are_those_that_were_settled(tmp_path: Path, edit: str) -> None:
    """Somebody wrote to the database past us, and a restore is what helps: Ann's first period and its payment come along, what
    was edited and what follows does not, and she is named; Ben's bill is whole."""
    copy, now = open_store(tmp_path / "copy.sqlite"), open_store(tmp_path / "now.sqlite")
    rows, ben = DatabaseSettlements(now), UserId("ben")
    rows.settle(ANN, *settled(0, "first"), after=0)
    rows.write(ANN, CommissionPaid(time_ms=9, currency="USDT", amount=Decimal("-50.00"), by="eva"), after=1)
    rows.settle(ANN, *settled(10, "second"), after=2)
    rows.settle(ANN, *settled(20, "third"), after=3)
    rows.settle(ben, *settled(10, "bens"), after=0)
    by_sql(now, edit)
    with capture_logs() as lines:
        carry_newer(copy, decided_in(now))
    assert [(line["event"], line["user"], line["left"]) for line in lines] == [(NO_FURTHER, ANN, 2)]
    there = DatabaseSettlements(copy)
    assert there.charges(ANN) == rows.charges(ANN)[:2]
    assert [each.statement for each in there.of(ANN)] == [settled(0, "first")[1]]
    assert (there.charges(ben), len(there.of(ben))) == (rows.charges(ben), 1)
    for connection in (now, copy):
        dispose(connection)


def test_an_edited_statement_that_the_copy_has_whole_keeps_nothing_back(tmp_path: Path) -> None:
    """What was charged and paid after it comes along."""
    now = open_store(tmp_path / "now.sqlite")
    DatabaseSettlements(now).settle(ANN, *settled(0, "first"), after=0)
    dispose(now)
    shutil.copy(tmp_path / "now.sqlite", tmp_path / "copy.sqlite")
    now, copy = open_store(tmp_path / "now.sqlite"), open_store(tmp_path / "copy.sqlite")
    DatabaseSettlements(now).settle(ANN, *settled(10, "second"), after=1)
    by_sql(now, "update settlement set statement = '' where opened_ms = 0")
    carry_newer(copy, decided_in(now))
    assert [each.statement for each in DatabaseSettlements(copy).of(ANN)] == [
        text for _, text in (settled(0, "first"), settled(10, "second"))
    ]
    for connection in (now, copy):
        dispose(connection)
