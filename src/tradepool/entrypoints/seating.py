"""Accounts and mandates of the configuration as the platform takes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId, MarketId
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.keys import KeyOf
from tradepool.entrypoints.wiring import Seat

# On which markets accounts have ordered.
Traded = Collection[tuple[AccountId, MarketId]]


class MarketGone(InvalidInput):
    """Mandate {mandate} has traded {markets}, which it names no more; put it back into its markets (halt --market keeps entries out)."""


class NothingToTrade(TradepoolError):
    """No mandate in {file} is active; set active = true in one of [mandates]."""


def refuse_unled(deployed: Deployed) -> None:
    """Raise NothingToTrade, or what is wrong with a strategy, where none trades at all; who has none beside others is looked
    after."""
    if not all(seat.unled for seat in deployed.seats):
        return
    mine = {mandate.account for mandate in deployed.settings.mandates.values() if mandate.active}
    mistakes = [seat.unled for seat in deployed.seats if seat.unled and seat.account_id in mine]
    raise mistakes[0] if mistakes else NothingToTrade(file=deployed.file)


def gone_of(seat: Seated, traded: Traded) -> list[MarketId]:
    """Markets of which an account's journal speaks, and which its mandate names no more."""
    return sorted({market for account, market in traded if account == seat.account_id} - set(seat.mandate.markets))


def seat_of(seat: Seated, rows: DatabaseDeployment, venue: str, key_of: KeyOf) -> Seat:
    """What the platform takes: the account with its number, the mandate, the key."""
    account = rows.account(seat.user, seat.account_id, venue)
    return Seat(account=account, mandate=seat.mandate, credentials=key_of(seat))


def seats_of(
    seats: Sequence[Seated], rows: DatabaseDeployment, venue: str, key_of: KeyOf, traded: Traded = ()
) -> tuple[list[Seat], dict[AccountId, TradepoolError]]:
    """Those that can be taken, and what is wrong with each of the others (a market gone, no key); raised where nobody can."""
    taken, refused = list[Seat](), dict[AccountId, TradepoolError]()
    for seat in seats:
        try:
            if gone := gone_of(seat, traded):
                raise MarketGone(mandate=seat.mandate.id, markets=", ".join(gone))
            taken.append(seat_of(seat, rows, venue, key_of))
        except TradepoolError as error:
            refused[seat.account_id] = error
    if refused and not taken:
        raise next(iter(refused.values()))
    return taken, refused
