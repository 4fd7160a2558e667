"""Random lives at the level of ledger entries: what the ledger tells is what a second reading of the rules tells."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from types import ModuleType

import pytest

from tests.core.commission import reference, reference_bill
from tests.core.commission.lives import Life, close_at
from tests.core.commission.reference import profit
from tests.core.commission.test_laws import times
from tradepool.core.commission.from_ledger import TAKER_RATE, Given, symbol_of, told_by
from tradepool.core.commission.late_facts import as_known
from tradepool.core.commission.recorded import MINUTE_MS, Prices
from tradepool.core.commission.schedule import DAY_MS, Schedule
from tradepool.core.commission.settlement import OpenLot, pnl_of
from tradepool.core.commission.statement import READY_MS
from tradepool.core.commission.transfers import Way, Ways
from tradepool.domain.ids import MarketId
from tradepool.domain.ledger import LedgerEntry

SINCE_MS, DAYS = 20_000 * DAY_MS, 120
KINDS = [
    "bought",
    "sold",
    "fee",
    "released",
    "outside",
    "deposit",
    "withdrawal",
    "network_fee",
    "moved",
    "dividend",
    "dust",
    "unexplained",
]


def exact_close(coin: str, quote: str, at: int) -> Fraction:
    """In fractions."""
    if coin == quote:
        return Fraction(1)
    close = close_at((MarketId(f"binance:{coin}/{quote}"), at // MINUTE_MS * MINUTE_MS)).close
    assert close is not None
    return Fraction(close)


def read(entries: list[LedgerEntry], given: list[Given], ways: Ways, ends_ms: int) -> tuple[Decimal, list[Decimal]]:
    """The profit by the product, and its flows."""
    prices = Prices("binance", {}, ends_ms + DAY_MS)
    while True:
        known = {minute: close_at(minute) for minute in prices.missing} | prices.used
        prices = Prices("binance", known, ends_ms + DAY_MS)
        told = told_by(entries, given, prices, ways, "USDT")
        lots = [
            OpenLot(
                lot=lot,
                price=prices.close(*symbol_of(market), ends_ms - 1),
                taker_rate=TAKER_RATE,
                rate=prices.close(symbol_of(market)[1], "USDT", ends_ms - 1).price,
            )
            for market, lot in told.lots.items()
            if lot.quantity
        ]
        if not prices.missing:
            assert not told.unpriced
            return pnl_of(told.gains, lots, Schedule()), [flow.amount for flow in told.flows]


@pytest.mark.parametrize("seed", range(3))
def test_the_profit_of_a_life_is_what_a_second_reading_says(seed: int) -> None:
    """Fees in third coins, USDC, transfers, dust, deeds by hand: equal but for what floors of a part's cost leave."""
    seen = Counter[str]()
    for number in range(times(2)):
        life = Life("ann", 100 * seed + number, SINCE_MS, DAYS)
        told = list(life.told())
        entries = [each for each in told if isinstance(each, LedgerEntry)]
        for account in life.accounts:
            mine = [entry for entry in entries if entry.account == account]
            given = [each[1] for each in told if not isinstance(each, LedgerEntry) and each[0] == account]
            for ends_ms in range(SINCE_MS + 20 * DAY_MS, SINCE_MS + DAYS * DAY_MS + 1, 20 * DAY_MS):
                before = [entry for entry in as_known(mine, []) if entry.time_ms < ends_ms]
                # R15: six hours later a lot may be on its way; a week after that none is.
                pnls = set[Decimal]()
                for known_ms in (ends_ms + READY_MS, ends_ms + READY_MS + 7 * DAY_MS):
                    ways = Ways.known(as_known(entries, []), known_ms)
                    seen.update(way.value for way in ways.ways.values())
                    found, flows = read(before, [each for each in given if each.time_ms < ends_ms], ways, ends_ms)
                    expected = profit(mine, exact_close, ends_ms, known_ms)
                    assert abs(Fraction(found) - expected) < Fraction(1, 100_000)
                    # R2: capital moves, and the profit does not: without any mandate's word it is the same.
                    assert read(before, [], ways, ends_ms)[0] == found
                    pnls.add(found)
                seen["a lot on its way"] += len(pnls) - 1
            assert len(flows) > 3
        seen["came back"] += len(entries) - len(as_known(entries, []))
        seen.update(t.code.value for entry in entries for t in entry.transfers)
    # None of it is missing in these lives.
    assert set(seen) >= {*KINDS, *(way.value for way in Way if way is not Way.ALONE)}
    assert seen["came back"]
    assert seen["a lot on its way"]


@pytest.mark.parametrize("reading", [reference, reference_bill])
def test_a_second_reading_is_read_in_a_minute(reading: ModuleType) -> None:
    """At most forty lines, docstrings and empty ones not counted; and nothing of the product's in it but nouns."""
    tree = ast.parse(inspect.getsource(reading))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    code = [line for each in functions for node in (each, *each.body[1:]) for line in lines_of(node)]
    assert 5 < len(set(code)) <= 40
    imported = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert {module for module in imported if module and module.startswith("tradepool")} <= {"tradepool.domain.ledger"}


def lines_of(node: ast.stmt) -> range:
    """The lines of a statement; of a function its head."""
    last = node.body[0].lineno - 1 if isinstance(node, ast.FunctionDef) else node.end_lineno or node.lineno
    return range(node.lineno, last + 1)
