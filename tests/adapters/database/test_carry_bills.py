"""A copy goes back in time; what was charged and paid since does not."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

from tests.settled import settled
from tradepool.adapters.database.carry import carry_newer, decided_in
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
