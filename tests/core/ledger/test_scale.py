"""A scale for each asset: coins of many units are posted, added up and exported to the last digit, or refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.ledger_kit import Life
from tests.nouns import ACCOUNT, BTC, fill
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.verify import verify_books
from tradepool.core.ledger.posting import fill_entry, opening_entry
from tradepool.core.ledger.trial_balance import ledger_minus_venue, trial_balance
from tradepool.domain.balance import Balance
from tradepool.domain.errors import MoneyTooLarge
from tradepool.domain.ledger import LedgerCode, LedgerEntry
from tradepool.domain.market import EXACT_MAX, Market, unit_for
from tradepool.presentation.ledger_export import beancount_lines, csv_lines

STEP = Decimal(1_000_000)
# Four billionths of a dollar each.
PEBBLE = replace(
    BTC,
    base="PEBBLE",
    price_tick=Decimal("1e-10"),
    quantity_step=STEP,
    quantity_min=STEP,
    base_unit=unit_for(STEP),
)


@pytest.fixture
def traded(tmp_path: Path) -> Iterator[tuple[Life, DatabaseBooks]]:
    """An account that has bought such coins, and sold them, through its account step and the journal."""
    connection = open_store(tmp_path / "t.sqlite", "NORMAL")
    connection.exec_driver_sql("insert into user values ('u', 'u', 'trader')")
    connection.exec_driver_sql("insert into account values ('u1', 'u', 'binance', 1)")
    connection.commit()
    life = Life(DatabaseJournal(connection), market=PEBBLE)
    life.round_trip(4e-9)
    assert verify_books(connection) == []
    yield life, DatabaseBooks(connection)
    dispose(connection)


def test_a_trillion_coins_through_the_account_step_and_the_books(traded: tuple[Life, DatabaseBooks]) -> None:
    """About 10^14 units of a hundredth coin: the account counts them exactly, and its books say the same."""
    life, books = traded
    entries = list(books.entries(life.name))
    bought = entries[1].transfers[0]
    assert 10**13 < bought.amount / PEBBLE.base_unit < EXACT_MAX
    totals = trial_balance(transfer for entry in entries for transfer in entry.transfers)
    assert totals[LedgerCode.VENUE, "PEBBLE"] == life.dust()
    cash = totals[LedgerCode.VENUE, "USDT"]
    assert cash == life.actor.account.cash
    for asset in ("PEBBLE", "USDT"):
        assert sum(amount for (_, held), amount in totals.items() if held == asset) == 0
    assert f",{bought.amount:f},bought" in "\n".join(csv_lines(entries))
    assert f"{bought.amount:f} PEBBLE" in "\n".join(beancount_lines(entries))


def test_coins_of_18_decimals_are_never_rounded() -> None:
    """10^14 of them and the smallest part of one: 32 digits, four more than decimals carry of themselves."""
    most, least = Decimal(10**14), Decimal("1e-18")
    held = Balance(account=ACCOUNT.id, asset="WEI", free=most, locked=least)
    entries = [opening_entry(ACCOUNT.id, 0, (held,)), *(_paid(least) for _ in range(3))]
    totals = trial_balance(transfer for entry in entries for transfer in entry.transfers)
    assert f"{totals[LedgerCode.VENUE, 'WEI']:f}" == "99999999999999.999999999999999998"
    assert ledger_minus_venue(totals, [held])["WEI"] == Decimal("-3e-18")
    assert "100000000000000.000000000000000001" in "\n".join(csv_lines(entries))


def _paid(fee: Decimal) -> LedgerEntry:
    return fill_entry(fill(fee=fee, fee_asset="WEI"), BTC)


@pytest.mark.parametrize("market", [BTC, PEBBLE])
def test_what_passes_2_to_the_53_units_is_refused_by_name(market: Market) -> None:
    most = (EXACT_MAX - 1) * market.base_unit
    assert market.base_units(most) == EXACT_MAX - 1
    with pytest.raises(MoneyTooLarge, match=rf"{market.base} is more than 2\^53 units of"):
        market.base_units(EXACT_MAX * market.base_unit)
