"""Accounts and mandates of the configuration as the platform takes them."""

from __future__ import annotations

from collections.abc import Sequence

from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId
from tradepool.entrypoints.deployment import Seated
from tradepool.entrypoints.keys import KeyOf
from tradepool.entrypoints.wiring import Seat


class MarketGone(InvalidInput):
    """Mandate {mandate} has traded {markets}, which it names no more; put it back into its markets (halt --market keeps entries out)."""


def refuse_lost_markets(seats: Sequence[Seated], journal: DatabaseJournal) -> None:
    """Raise MarketGone when the journal speaks of a market that a mandate names no more."""
    traded = journal.traded()
    for seat in seats:
        gone = {market for account, market in traded if account == seat.account_id} - set(seat.mandate.markets)
        if gone:
            raise MarketGone(mandate=seat.mandate.id, markets=", ".join(sorted(gone)))


def seat_of(seat: Seated, rows: DatabaseDeployment, venue: str, key_of: KeyOf) -> Seat:
    """What the platform takes: the account with its number, the mandate, the key."""
    account = rows.account(seat.user, seat.account_id, venue)
    return Seat(account=account, mandate=seat.mandate, credentials=key_of(seat))


def seats_of(
    seats: Sequence[Seated], rows: DatabaseDeployment, venue: str, key_of: KeyOf
) -> tuple[list[Seat], dict[AccountId, TradepoolError]]:
    """Those that can be taken, and what is wrong with each of the others; raised where nobody can."""
    taken, refused = list[Seat](), dict[AccountId, TradepoolError]()
    for seat in seats:
        try:
            taken.append(seat_of(seat, rows, venue, key_of))
        except TradepoolError as error:
            refused[seat.account_id] = error
    if refused and not taken:
        raise next(iter(refused.values()))
    return taken, refused
