"""The fold of all transfers: what each ledger account holds, and how that compares with the venue's word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation

from tradepool.domain.balance import Balance
from tradepool.domain.ledger import LedgerCode, Transfer

# Wider than any coin's digits; a sum that it can't hold raises, and is never rounded in silence.
EXACT = Context(prec=120, traps=[Inexact, InvalidOperation])

Totals = Mapping[tuple[LedgerCode, str], Decimal]


def trial_balance(transfers: Iterable[Transfer]) -> dict[tuple[LedgerCode, str], Decimal]:
    """Debits less credits of each ledger account and asset; each asset sums to zero over the accounts.

    >>> from tradepool.domain.ledger import TransferCode
    >>> t = Transfer(debit=LedgerCode.VENUE, credit=LedgerCode.CAPITAL, asset="USDT", amount=Decimal(5),
    ...              code=TransferCode.OPENING)
    >>> trial_balance([t])[LedgerCode.VENUE, "USDT"]
    Decimal('5')
    """
    totals: dict[tuple[LedgerCode, str], Decimal] = {}
    for transfer in transfers:
        debit, credit = (transfer.debit, transfer.asset), (transfer.credit, transfer.asset)
        totals[debit] = EXACT.add(totals.get(debit, Decimal(0)), transfer.amount)
        totals[credit] = EXACT.subtract(totals.get(credit, Decimal(0)), transfer.amount)
    return totals


def ledger_minus_venue(totals: Totals, balances: Iterable[Balance]) -> dict[str, Decimal]:
    """For each asset that either side knows: what the books say the venue holds, less what the venue says."""
    difference = {asset: amount for (code, asset), amount in totals.items() if code is LedgerCode.VENUE}
    for balance in balances:
        difference[balance.asset] = EXACT.subtract(difference.get(balance.asset, Decimal(0)), balance.total)
    return dict(sorted(difference.items()))
