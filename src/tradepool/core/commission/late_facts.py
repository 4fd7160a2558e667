"""Entries as they are known to be now: what became known of them only after they were booked.

A withdrawal gets its id of the chain later, or comes back; what nobody could explain is taken back once a history tells of
it, or the venue holds it again. The books keep all of it as it was booked; for profit and capital it is as if it had been
known at once: otherwise coins would have left twice, and lots with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from tradepool.core.commission.exact import exact
from tradepool.domain.flow import RETURNED, FlowNamed
from tradepool.domain.ledger import LedgerCode, LedgerEntry, Transfer, TransferCode


def as_known(entries: Iterable[LedgerEntry], names: Iterable[FlowNamed]) -> list[LedgerEntry]:
    """An account's entries, in the order they were booked: withdrawals by the ids that they got later, without those that
    came back, and without guesses that were taken back."""
    ids = {f"flow:{name.key}:": name.tx_id for name in names}
    named = [replace(each, reference=each.reference + ids.get(each.reference, "")) for each in entries]
    return _without_guesses(_without_returned(named))


def _without_returned(entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """Neither what left nor what came back. One whose departure is older than the books came to them from outside."""
    left = {_flow(each) for each in entries}
    back = {flow.removesuffix(RETURNED) for flow in left if flow.endswith(RETURNED)} & left
    return [each for each in entries if _flow(each).removesuffix(RETURNED) not in back]


def _flow(entry: LedgerEntry) -> str:
    """The reference without the chain's id."""
    return entry.reference.rpartition(":")[0]


@exact
def _without_guesses(entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    guesses = [each for entry in entries for each in entry.transfers if each.code is TransferCode.UNEXPLAINED]
    rest = iter(_left(guesses))
    found = list[LedgerEntry]()
    for entry in entries:
        guessed = entry.transfers[:1] and entry.transfers[0].code is TransferCode.UNEXPLAINED
        if not guessed:
            found.append(entry)
        elif stands := [replace(each, amount=left) for each in entry.transfers if (left := abs(next(rest)))]:
            found.append(replace(entry, transfers=tuple(stands)))
    return found


def _left(guesses: Sequence[Transfer]) -> list[Decimal]:
    """What is left of each: it takes back earlier ones that went the other way, one of its size first, else the newest."""
    left = list[Decimal]()
    for guess in guesses:
        amount = guess.amount if guess.debit is LedgerCode.VENUE else -guess.amount
        before = [n for n in reversed(range(len(left))) if guesses[n].asset == guess.asset and left[n] * amount < 0]
        for n in [n for n in before if left[n] == -amount][:1] or before:
            taken = min(abs(left[n]), abs(amount)).copy_sign(amount)
            left[n] += taken
            amount -= taken
        left.append(amount)
    return left
