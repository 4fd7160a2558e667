"""Flows as ledger entries: the venue's side is what moved, and each asset balances."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nouns import ACCOUNT
from tradepool.core.ledger.flows import CODES, flow_entry
from tradepool.core.ledger.trial_balance import trial_balance
from tradepool.domain.flow import FlowCause, FlowSeen, Move
from tradepool.domain.ledger import LedgerCode, TransferCode

AMOUNTS = st.integers(1, 10**14).map(lambda units: Decimal(units) / 10**8)


@given(
    cause=st.sampled_from(FlowCause),
    amounts=st.dictionaries(st.sampled_from(["BTC", "USDT", "BNB"]), st.tuples(AMOUNTS, st.booleans()), min_size=1),
    fee=st.sampled_from([Decimal(0), Decimal("0.00000001")]),
)
def test_an_entry_moves_what_the_flow_did(
    cause: FlowCause, amounts: dict[str, tuple[Decimal, bool]], fee: Decimal
) -> None:
    """Whatever came and left; the fee is part of what left."""
    moves = tuple(
        Move(asset=asset, amount=amount, fee=Decimal(0)) if came else Move(asset=asset, amount=-amount - fee, fee=fee)
        for asset, (amount, came) in amounts.items()
    )
    entry = flow_entry(ACCOUNT.id, FlowSeen(time_ms=9, cause=cause, moves=moves, reference="7", tx_id="ab"))
    totals = trial_balance(entry.transfers)
    for move in moves:
        assert totals[LedgerCode.VENUE, move.asset] == move.amount == -totals[LedgerCode.CAPITAL, move.asset]
    assert {each.code for each in entry.transfers} <= {CODES[cause], TransferCode.NETWORK_FEE}
    fees = [each.amount for each in entry.transfers if each.code is TransferCode.NETWORK_FEE]
    assert fees == [fee] * len([move for move in moves if move.fee])
    assert (entry.time_ms, entry.reference) == (9, f"flow:{cause.value}:7:ab")


def test_every_cause_has_a_code_of_its_own() -> None:
    """No cause is forgotten, and no two are told as one."""
    assert set(CODES) == set(FlowCause)
    assert len(set(CODES.values())) == len(CODES)


@pytest.mark.parametrize("fee", ["1", "0.5"])
def test_a_fee_may_be_all_of_it(fee: str) -> None:
    """Then there is one transfer, and no empty one."""
    sent = Move(asset="BNB", amount=Decimal(-1), fee=Decimal(fee))
    entry = flow_entry(ACCOUNT.id, FlowSeen(time_ms=0, cause=FlowCause.WITHDRAWAL, moves=(sent,), reference="1"))
    assert len(entry.transfers) == (1 if fee == "1" else 2)
