"""What a venue's wallet histories may lack."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tradepool.adapters.exchanges.flow_rows import Row, deposit_from, sweeps_from, transfer_from, withdrawal_from
from tradepool.adapters.exchanges.translate import BadAssetName, FlowBelowZero, balances_from
from tradepool.domain.flow import FlowSeen
from tradepool.domain.ids import AccountId


@pytest.mark.parametrize("told", [{"txId": None}, {"txId": ""}, {}])
def test_a_deposit_without_an_id_of_the_chain_has_none(told: dict[str, object]) -> None:
    """A word in its place would keep it from its own transfer, which is found by its amount then."""
    row = {"status": 1, "insertTime": 5, "id": "7", "coin": "USDT", "amount": "3", **told}
    found = deposit_from(row)
    assert found is not None
    assert found.tx_id == ""


WITHDRAWN = {"amount": "3", "transactionFee": "1", "applyTime": "2019-10-12 11:12:02", "id": "7", "coin": "USDT"}
MOVED = {"type": "MAIN_FUNDING", "status": "CONFIRMED", "timestamp": 5, "tranId": 9, "asset": "USDT", "amount": "3"}


@pytest.mark.parametrize(
    ("read", "row", "said"),
    [
        (
            deposit_from,
            {"status": 1, "insertTime": 5, "id": "7", "coin": "USDT", "amount": "-3"},
            "a deposit of -3 USDT",
        ),
        (withdrawal_from, WITHDRAWN | {"status": 6, "amount": "-3"}, "a withdrawal of -3 USDT"),
        (withdrawal_from, WITHDRAWN | {"status": 3, "transactionFee": "-1"}, "a withdrawal of -1 USDT"),
        (transfer_from, MOVED | {"amount": "-3"}, "a transfer of -3 USDT"),
    ],
)
def test_what_is_below_zero_is_no_flow(read: Callable[[Row], FlowSeen | None], row: Row, said: str) -> None:
    """It would be booked the wrong way round."""
    with pytest.raises(FlowBelowZero, match=said):
        read(row)


@pytest.mark.parametrize("name", ["", "B" * 41, "BTC\x1b[2J", "BTC\n", "BTC USDT", "BTC\u202e"])
def test_what_can_be_no_name_of_an_asset_is_refused(name: str) -> None:
    """It would be in the books, on screens and in exports."""
    swept = {"fromAsset": name, "amount": "1", "transferedAmount": "1"}
    with pytest.raises(BadAssetName, match="an asset is called '"):
        transfer_from(MOVED | {"asset": name})
    with pytest.raises(BadAssetName):
        sweeps_from({"transId": 1, "operateTime": 5, "userAssetDribbletDetails": [swept]})
    with pytest.raises(BadAssetName):
        balances_from({"balances": [{"asset": name, "free": "1", "locked": "0"}]}, AccountId("ann"))
