"""Coins that moved without an order, into ledger entries: between what the venue holds and the owner's capital.

The entry's reference is `flow:{cause}:{the venue's reference}:{tx_id}`, its time the venue's. What came debits `venue`
and credits `capital`, what left the other way round; the fee of the way is a transfer of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from tradepool.domain.flow import FlowCause, FlowSeen, Move
from tradepool.domain.ids import AccountId, LedgerEntryId
from tradepool.domain.ledger import LedgerCode, LedgerEntry, Transfer, TransferCode

CODES: Mapping[FlowCause, TransferCode] = {
    FlowCause.DEPOSIT: TransferCode.DEPOSIT,
    FlowCause.WITHDRAWAL: TransferCode.WITHDRAWAL,
    FlowCause.TRANSFER: TransferCode.MOVED,
    FlowCause.DIVIDEND: TransferCode.DIVIDEND,
    FlowCause.DUST: TransferCode.DUST,
    FlowCause.UNEXPLAINED: TransferCode.UNEXPLAINED,
}


def flow_entry(account: AccountId, flow: FlowSeen) -> LedgerEntry:
    """A flow as one entry.

    >>> sent = Move(asset="BTC", amount=Decimal("-0.5"), fee=Decimal("0.001"))
    >>> flow = FlowSeen(time_ms=5, cause=FlowCause.WITHDRAWAL, moves=(sent,), reference="7", tx_id="ab")
    >>> entry = flow_entry(AccountId("ann"), flow)
    >>> entry.reference, [(t.debit.value, t.credit.value, str(t.amount), t.code.value) for t in entry.transfers]
    ('flow:withdrawal:7:ab', [('capital', 'venue', '0.499', 'withdrawal'), ('capital', 'venue', '0.001', 'network_fee')])
    """
    reference = f"flow:{flow.key}:{flow.tx_id}"
    transfers = tuple(each for move in flow.moves for each in _transfers(move, CODES[flow.cause]))
    return LedgerEntry(
        id=LedgerEntryId(f"{account}:{reference}"),
        account=account,
        time_ms=flow.time_ms,
        transfers=transfers,
        reference=reference,
    )


def _transfers(move: Move, code: TransferCode) -> Iterator[Transfer]:
    for amount, why in ((move.amount + move.fee, code), (-move.fee, TransferCode.NETWORK_FEE)):
        if amount:
            yield _moved(move.asset, amount, why)


def _moved(asset: str, amount: Decimal, code: TransferCode) -> Transfer:
    debit, credit = (LedgerCode.VENUE, LedgerCode.CAPITAL) if amount > 0 else (LedgerCode.CAPITAL, LedgerCode.VENUE)
    return Transfer(debit=debit, credit=credit, asset=asset, amount=abs(amount), code=code)
