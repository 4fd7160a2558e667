"""Fills into transfers: each asset balances, and the venue's side is what the fill changed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.nouns import ACCOUNT, BTC, fill
from tradepool.core.ledger.posting import fill_entry, opening_entry
from tradepool.core.ledger.trial_balance import ledger_minus_venue, trial_balance
from tradepool.domain.balance import Balance
from tradepool.domain.ledger import LedgerCode, Transfer, TransferCode, TransferNotPositive
from tradepool.domain.order import Side

CASES = [
    pytest.param(Side.BUY, "0.001", "BTC", {"BTC": Decimal("0.999"), "USDT": Decimal("-60000.01")}, id="buy"),
    pytest.param(Side.SELL, "60", "USDT", {"BTC": Decimal("-1"), "USDT": Decimal("59940.01")}, id="sell"),
    pytest.param(Side.SELL, "0", "USDT", {"BTC": Decimal("-1"), "USDT": Decimal("60000.01")}, id="free of fee"),
]


@pytest.mark.parametrize(("side", "fee", "asset", "change"), CASES)
def test_a_fill_changes_the_venue_by_what_was_traded(
    side: Side, fee: str, asset: str, change: dict[str, Decimal]
) -> None:
    """One bitcoin at 60,000.01."""
    totals = trial_balance(fill_entry(fill(side=side, fee=Decimal(fee), fee_asset=asset), BTC).transfers)
    assert {a: amount for (code, a), amount in totals.items() if code is LedgerCode.VENUE} == change
    for each in ("BTC", "USDT"):
        assert sum(amount for (_, a), amount in totals.items() if a == each) == 0


def test_the_difference_names_every_asset_either_side_knows() -> None:
    """Books of 5 USDT against a venue with 4 USDT and 1 BTC."""
    opening = opening_entry(ACCOUNT.id, 0, (held("USDT", 3, 2),))
    assert ledger_minus_venue(trial_balance(opening.transfers), [held("USDT", 4, 0), held("BTC", 0, 1)]) == {
        "BTC": Decimal(-1),
        "USDT": Decimal(1),
    }


def held(asset: str, free: int, locked: int) -> Balance:
    """A balance."""
    return Balance(account=ACCOUNT.id, asset=asset, free=Decimal(free), locked=Decimal(locked))


def test_a_transfer_has_a_direction_not_a_sign() -> None:
    """Zero and negative amounts are refused by name."""
    for amount in (0, -1):
        with pytest.raises(TransferNotPositive):
            Transfer(
                debit=LedgerCode.VENUE,
                credit=LedgerCode.CAPITAL,
                asset="BTC",
                amount=Decimal(amount),
                code=TransferCode.OPENING,
            )
