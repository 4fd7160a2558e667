"""Rows of a venue's wallet histories into flows: Binance's words. What makes no sense is one of `outcome.NONSENSE`.

A withdrawal has left when it is asked for, a deposit has come when it is credited: what is still on its way here is no
flow yet. A withdrawal that was refused has come back: a flow of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tradepool.adapters.exchanges.translate import FlowBelowZero, asset_from, canonical
from tradepool.domain.flow import RETURNED, FlowCause, FlowSeen, Move

# Credited, credited and not to be withdrawn yet: usable both.
DEPOSITED = ("1", "6")
# Cancelled, rejected, failed: the money is back.
CAME_BACK = ("1", "3", "5")
SPOT = "MAIN"

Row = Mapping[str, Any]


def deposit_from(row: Row) -> FlowSeen | None:
    """A row of capital/deposit/hisrec; None before it is credited. FlowBelowZero."""
    if str(row["status"]) not in DEPOSITED:
        return None
    tx_id = row.get("txId") or ""
    return _flow(FlowCause.DEPOSIT, int(row["insertTime"]), row["id"], row["coin"], row["amount"], tx_id=tx_id)


def withdrawal_from(row: Row) -> FlowSeen | None:
    """A row of capital/withdraw/history: what left with its fee, or what came back. FlowBelowZero."""
    sent, fee, time_ms = canonical(row["amount"]), canonical(row["transactionFee"]), time_of_withdrawal(row)
    _refuse_below_zero(FlowCause.WITHDRAWAL, min(sent, fee), row["coin"])
    if str(row["status"]) in CAME_BACK:
        back = f"{row['id']}{RETURNED}"
        return _flow(FlowCause.WITHDRAWAL, time_ms, back, row["coin"], sent + fee)
    return _flow(
        FlowCause.WITHDRAWAL, time_ms, row["id"], row["coin"], -sent - fee, fee=fee, tx_id=row.get("txId") or ""
    )


def transfer_from(row: Row) -> FlowSeen | None:
    """A row of asset/transfer between this account's spot wallet and another one of its own. FlowBelowZero."""
    source, _, target = str(row["type"]).partition("_")
    if SPOT not in (source, target) or row["status"] != "CONFIRMED":
        return None
    sign, told = -1 if source == SPOT else 1, canonical(row["amount"])
    _refuse_below_zero(FlowCause.TRANSFER, told, row["asset"])
    amount = sign * told
    return _flow(FlowCause.TRANSFER, int(row["timestamp"]), row["tranId"], row["asset"], amount, note=row["type"])


def dividend_from(row: Row) -> FlowSeen | None:
    """A row of asset/assetDividend; a `direction` of -1 was taken back."""
    amount = canonical(row["amount"]) * (-1 if str(row.get("direction", 1)) == "-1" else 1)
    return _flow(FlowCause.DIVIDEND, int(row["divTime"]), row["id"], row["asset"], amount, note=row["enInfo"])


def sweeps_from(row: Row) -> Sequence[FlowSeen]:
    """A conversion of asset/dribblet: for each asset that was swept a flow of its own, so that it is known what each came
    to in BNB."""
    swept = dict[str, dict[str, Decimal]]()
    for each in row["userAssetDribbletDetails"]:
        moved = swept.setdefault(asset_from(each["fromAsset"]), {})
        for asset, amount in (
            (each["fromAsset"], -canonical(each["amount"])),
            ("BNB", canonical(each["transferedAmount"])),
        ):
            moved[asset] = moved.get(asset, Decimal(0)) + amount
    flows, time_ms = list[FlowSeen](), int(row["operateTime"])
    for source, moved in sorted(swept.items()):
        moves = tuple(Move(asset=asset, amount=canonical(str(n))) for asset, n in sorted(moved.items()) if n)
        if moves:
            reference = f"{row['transId']}:{source}"
            flows.append(FlowSeen(time_ms=time_ms, cause=FlowCause.DUST, moves=moves, reference=reference))
    return flows


def time_of_withdrawal(row: Row) -> int:
    """When it was asked for, in ms; the venue tells seconds, as text.

    >>> time_of_withdrawal({"applyTime": "2019-10-12 11:12:02"})
    1570878722000
    """
    told = datetime.strptime(row["applyTime"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return int(told.timestamp()) * 1_000


def _flow(
    cause: FlowCause,
    time_ms: int,
    reference: object,
    asset: object,
    amount: object,
    *,
    fee: Decimal = Decimal(0),
    tx_id: object = "",
    note: object = "",
) -> FlowSeen | None:
    name, moved = asset_from(asset), canonical(str(amount))
    if cause is FlowCause.DEPOSIT:
        _refuse_below_zero(cause, moved, name)
    if not moved:
        return None
    move = Move(asset=name, amount=moved, fee=fee)
    return FlowSeen(
        time_ms=time_ms, cause=cause, moves=(move,), reference=str(reference), tx_id=str(tx_id), note=str(note)
    )


def _refuse_below_zero(cause: FlowCause, told: Decimal, asset: object) -> None:
    if told < 0:
        raise FlowBelowZero(f"a {cause.value} of {told:f} {str(asset)[:20]}")


Read = Callable[[Row], Sequence[FlowSeen]]
Rows = Sequence[Row]


def one(read: Callable[[Row], FlowSeen | None]) -> Read:
    """Reads rows that tell of one flow, or of none."""
    return lambda row: [flow for flow in (read(row),) if flow is not None]
