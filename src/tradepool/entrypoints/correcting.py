"""A correction of the books: an entry of its own, by two people, while nobody trades. Nothing is ever edited."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from decimal import Decimal

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.reserve import ReservedJournal
from tradepool.core.ledger.posting import correction_entry
from tradepool.domain.by_hand import BookCorrected, SamePerson
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import AccountId, UserId
from tradepool.domain.ledger import LedgerCode
from tradepool.domain.policy import Action, refuse_unless
from tradepool.entrypoints.asking import TYPED, machine_user, me
from tradepool.entrypoints.books import books_open, owners
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.emergency import now_ms, typed_back
from tradepool.entrypoints.running import epoch_alone, only_one, reserve_of
from tradepool.entrypoints.two_people import OFFERED, agreed
from tradepool.ports.journal import Record
from tradepool.runtime.config import nearest


class NoAccountCalled(InvalidInput):
    """Nothing was done: no account is called {account}{hint}."""


class NothingBooked(InvalidInput):
    """Nothing was done: account {account} was never opened, so there is nothing to correct."""


class UnknownAsset(InvalidInput):
    """Nothing was done: the books of {account} have never held any {asset}{hint}."""


class SameSide(InvalidInput):
    """Nothing was done: debit and credit are both {code}; name where it goes to, then where it comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """So much of an asset, from `credit` to `debit`, in the books of an account."""

    account: AccountId
    debit: LedgerCode
    credit: LedgerCode
    asset: str
    amount: Decimal

    def __str__(self) -> str:
        """As it is shown to both people."""
        moved = f"{self.amount:f} {self.asset} from {self.credit.value} to {self.debit.value}"
        return f"ledger correct {self.account}: {moved}"


def correct(deployed: Deployed, wish: Correction, reason: str | None) -> str:
    """Have it confirmed by two people, and book it; what was done, in words.

    NoAccountCalled, NothingBooked, UnknownAsset, SameSide, RunsAlready, HandsAtWork, NotConfirmed, NoReason, SamePerson,
    TransferNotPositive, DamagedJournal.
    """
    with books_open(deployed) as connection:
        known = owners(deployed, connection)
    if wish.account not in known:
        raise NoAccountCalled(account=repr(wish.account)[:60], hint=nearest(wish.account, known))
    refuse_unless(deployed.actor, Action.CORRECT, UserId(known[wish.account]))
    if wish.debit is wish.credit:
        raise SameSide(code=wish.debit.value)
    with only_one(deployed), books_open(deployed) as connection:
        rows = DatabaseDeployment(connection, deployed.deployment)
        journal = ReservedJournal(connection, epoch_alone(deployed, rows), reserve_of(deployed))
        events = [(sequence, as_of_ms) for sequence, as_of_ms, _ in journal.read(wish.account)]
        if not events:
            raise NothingBooked(account=wish.account)
        assets = {transfer.asset for transfer in DatabaseBooks(connection).transfers(wish.account)}
        if wish.asset not in assets:
            raise UnknownAsset(account=wish.account, asset=repr(wish.asset)[:40], hint=nearest(wish.asset, assets))
        why = typed_back(str(wish), wish.account, reason)
        # Who asks under his own name can't type another's beside it.
        names = agreed(rows, "ledger correct", str(wish), why)
        if not names:
            return OFFERED
        by, confirmed_by = names if len(names) > 1 else (*names, _second())
        sequence, as_of_ms = events[-1]
        event = BookCorrected(
            # Never before what the account has acted on, whatever this machine's clock says.
            time_ms=max(now_ms(), as_of_ms),
            debit=wish.debit,
            credit=wish.credit,
            asset=wish.asset,
            amount=wish.amount,
            by=by,
            confirmed_by=confirmed_by,
            reason=why,
        )
        entry = correction_entry(wish.account, event)
        who = f"{event.by} and {event.confirmed_by}"
        rows.audit(Deed(time_ms=event.time_ms, by=who, what="ledger correct", scope=str(wish), reason=why))
        journal.write(
            Record(account=wish.account, sequence=sequence + 1, as_of_ms=as_of_ms, event=event, entries=[entry])
        )
    return f"Booked as {entry.id}, by {who}."


def _second() -> str:
    """Who looks on at the machine's shell: a name that was typed there, and says so. SamePerson."""
    print("A second person looks at it and types his name: ", end="", file=sys.stderr, flush=True)
    name = sys.stdin.readline().strip()
    if name.lower() in ("", machine_user().lower(), me().lower()):
        raise SamePerson(by=me())
    return f"{TYPED}{name}"
