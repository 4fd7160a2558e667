"""What a venue's wallet histories may lack."""

from __future__ import annotations

import pytest

from tradepool.adapters.exchanges.flow_rows import deposit_from


@pytest.mark.parametrize("told", [{"txId": None}, {"txId": ""}, {}])
def test_a_deposit_without_an_id_of_the_chain_has_none(told: dict[str, object]) -> None:
    """A word in its place would keep it from its own transfer, which is found by its amount then."""
    row = {"status": 1, "insertTime": 5, "id": "7", "coin": "USDT", "amount": "3", **told}
    found = deposit_from(row)
    assert found is not None
    assert found.tx_id == ""
