"""A user's bill into ledger entries: `commission` is what profit cost him, `owed` what of it he has not paid.

Both are the user's, as all of the chart: an invoice debits `commission` and credits `owed`; paying debits `owed` and
credits `capital`, because the money comes out of his pocket (if out of his account, the withdrawal there is a flow).
"""

from __future__ import annotations

from tradepool.domain.charge import Charge, CommissionPaid, GoodwillGiven, PeriodsCorrected, PeriodSettled
from tradepool.domain.ids import AccountId, LedgerEntryId
from tradepool.domain.ledger import LedgerCode, LedgerEntry, Transfer, TransferCode

# The code of each charge, and the word of its reference.
CODES: dict[type[Charge], tuple[TransferCode, str]] = {
    PeriodSettled: (TransferCode.COMMISSION, "settled"),
    CommissionPaid: (TransferCode.PAID, "paid"),
    GoodwillGiven: (TransferCode.GOODWILL, "goodwill"),
    PeriodsCorrected: (TransferCode.CORRECTION, "corrected"),
}


def charge_entry(account: AccountId, charge: Charge) -> LedgerEntry | None:
    """The entry of one charge; None where nothing is owed more or less by it.

    >>> from decimal import Decimal
    >>> paid = CommissionPaid(time_ms=7, currency="USDT", amount=Decimal(-5), by="eva")
    >>> entry = charge_entry(AccountId("commission.ann"), paid)
    >>> entry.reference, [(t.debit.value, t.credit.value, str(t.amount)) for t in entry.transfers]
    ('paid:7', [('owed', 'capital', '5')])
    """
    if not charge.amount:
        return None
    code, word = CODES[type(charge)]
    other = LedgerCode.CAPITAL if code is TransferCode.PAID else LedgerCode.COMMISSION
    debit, credit = (other, LedgerCode.OWED) if charge.amount > 0 else (LedgerCode.OWED, other)
    moved = Transfer(debit=debit, credit=credit, asset=charge.currency, amount=abs(charge.amount), code=code)
    reference = f"{word}:{charge.opened_ms if isinstance(charge, PeriodSettled) else charge.time_ms}"
    name = LedgerEntryId(f"{account}:{reference}")
    return LedgerEntry(id=name, account=account, time_ms=charge.time_ms, transfers=(moved,), reference=reference)
