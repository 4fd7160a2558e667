"""Slippage against the average: what must hold whatever was traded."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.nouns import fill, request
from tradepool.core.analysis.slippage import Execution, against_average, executions
from tradepool.domain.ids import AccountId, FillId, MarketId, StrategyId, client_order_id
from tradepool.domain.order import Purpose, Side

BUY = (0, StrategyId("s"), MarketId("v:A/B"), Side.BUY)
SELL = (0, StrategyId("s"), MarketId("v:A/B"), Side.SELL)


def one(name: str, price: str, quantity: str = "1", signal: tuple[int, StrategyId, MarketId, Side] = BUY) -> Execution:
    return Execution(AccountId(name), signal, Decimal(quantity), Decimal(quantity) * Decimal(price))


def test_who_pays_more_or_gets_less_is_worse_off() -> None:
    for signal, worse in ((BUY, "dear"), (SELL, "cheap")):
        rows = against_average([one("cheap", "90", signal=signal), one("dear", "110", signal=signal)])
        assert (rows[0].account, rows[0].average_bp) == (worse, 1000.0)
    assert against_average([one("ann", "90"), one("ben", "90", signal=SELL)]) == []
    assert against_average([]) == []


def test_signals_count_by_what_was_traded_on_them_and_the_worst_is_named() -> None:
    later = (60_000, *BUY[1:])
    executed = [
        one("ann", "100", "1"),
        one("ben", "100", "1"),
        one("ann", "110", "1", later),
        one("ben", "90", "1", later),
    ]
    ann, ben = against_average(executed)
    assert (ann.account, ann.signals, ann.worst_bp, ann.notional) == ("ann", 2, 1000.0, Decimal(210))
    assert abs(ann.average_bp - 110 / 210 * 1000) < 1e-9
    assert (ben.worst_bp, ben.average_bp < 0) == (0.0, True)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 10**6), st.integers(1, 10**6)), max_size=20))
def test_weighted_by_quantity_it_adds_up_to_nothing(traded: list[tuple[str, int, int]]) -> None:
    """An average is in the middle: what one paid more, others paid less."""
    executed = [one(name, str(price), str(quantity)) for name, price, quantity in traded]
    total = sum((each.quantity for each in executed), Decimal(0))
    rows = against_average(executed)
    if rows:
        average = sum((each.notional for each in executed), Decimal(0)) / total
        off = sum((each.quantity * (each.price - average) for each in executed), Decimal(0))
        assert abs(off) < Decimal("1e-15")
        assert rows == sorted(rows, key=lambda row: (-row.average_bp, row.account))
        assert max(row.worst_bp for row in rows) >= -1e-12


def test_an_order_is_what_all_its_fills_were_and_a_stop_is_not_compared() -> None:
    names = [client_order_id(1, n) for n in (1, 2, 3)]
    intents = [
        request(client_order_id=names[0]),
        request(client_order_id=names[1], purpose=Purpose.STOP, side=Side.SELL),
        request(client_order_id=names[2]),
    ]
    fills = [
        fill(client_order_id=names[0], price=Decimal(100), quantity=Decimal(1)),
        fill(client_order_id=names[0], fill_id=FillId("2"), price=Decimal(200), quantity=Decimal(3)),
        fill(client_order_id=names[1], fill_id=FillId("3")),
    ]
    [found] = executions(intents, fills)
    assert (found.quantity, found.price) == (Decimal(4), Decimal(175))
