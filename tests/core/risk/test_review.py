"""The last look: what an order must be to leave."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.nouns import BTC, ETH, request
from tradepool.core.risk.review import review
from tradepool.domain.order import ApprovedOrder, OrderType, Refusal, Side, TimeInForce

SELL = {"side": Side.SELL}
STOP = {**SELL, "type": OrderType.STOP_LOSS, "stop_price": Decimal("95.00")}
LIMIT = {"type": OrderType.LIMIT, "price": Decimal("95.01")}
WAITS = [{"time_in_force": each} for each in TimeInForce]
PASSES = [{}, SELL, STOP, LIMIT, *({**LIMIT, **wait} for wait in WAITS)]
REFUSED = [
    ({"market": ETH.id}, "wrong_market"),
    ({"quantity": Decimal("0.000005")}, "quantity_off_grid"),
    ({"quantity": Decimal("0.010005")}, "quantity_off_grid"),
    ({**STOP, "stop_price": None}, "stop_price_off_grid"),
    ({**STOP, "stop_price": Decimal("95.001")}, "stop_price_off_grid"),
    ({"stop_price": Decimal(95)}, "stop_price_without_stop"),
    ({**LIMIT, "price": Decimal(0)}, "price_off_grid"),
    ({"price": Decimal(95)}, "price_without_limit"),
    *(({**order, **wait}, "time_in_force_without_limit") for order in ({}, STOP) for wait in WAITS[1:]),
    ({**LIMIT, **WAITS[1], "price": None}, "price_off_grid"),
    ({**SELL, "quantity": Decimal("0.01001")}, "sells_more_than_held"),
]


@pytest.mark.parametrize("changes", PASSES)
def test_a_well_formed_covered_order_passes(changes: dict[str, Any]) -> None:
    """It comes back approved, unchanged."""
    asked = request(**changes)
    assert review(asked, BTC, held_steps=1_000, spendable_units=1) == ApprovedOrder(asked)


@pytest.mark.parametrize(("changes", "reason"), REFUSED)
def test_anything_else_is_refused_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    """One word each."""
    verdict = review(request(**changes), BTC, held_steps=1_000, spendable_units=1)
    assert isinstance(verdict, Refusal)
    assert verdict.reason == reason


def test_a_buy_needs_something_to_spend() -> None:
    """Cash that other entries have reserved is spent."""
    verdict = review(request(), BTC, held_steps=0, spendable_units=0)
    assert isinstance(verdict, Refusal)
    assert verdict.reason == "nothing_to_spend"
