"""What is held although no active mandate trades it (any more): accounts of the books that somebody has to look after.

A mandate is made inactive, or its section goes; what its account holds stays at the venue. It gets a seat all the same:
nothing is entered there, exits and protections go on, and status, positions and flatten know of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import Connection

from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import StoreUnusable, dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.core.account.account import Account
from tradepool.core.account.snapshot import put_back
from tradepool.domain.deployment import Kind, Mode
from tradepool.domain.errors import TradepoolError
from tradepool.domain.event import MandateChanged, TermsSeen
from tradepool.domain.ids import MandateId, MarketId
from tradepool.domain.mandate import CanaryCap, Mandate
from tradepool.domain.trade import Origin
from tradepool.domain.user import Account as AccountNoun
from tradepool.domain.user import User
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.deployment_settings import AccountSettings
from tradepool.entrypoints.mistakes import UNLED

INACTIVE = "its mandate is not active"


class Unled(TradepoolError):
    """No mandate of {file} trades account {account}, which holds {held}: its stops go on, no signal sells it; put its mandate back, or sell with tradepool flatten --user {user}."""


class Unstarted(TradepoolError):
    """Account {account} has ordered, and its journal names no mandate."""


def with_left(deployed: Deployed, connection: Connection | None = None) -> Deployed:
    """A deployment with a seat for each account that holds something and has none, and with the users of its books.

    Without a connection the database is opened meanwhile, if there is one. StoreUnusable.
    """
    if connection is None:
        if not deployed.database.exists():
            return deployed
        connection = open_store(deployed.database)
        try:
            return with_left(deployed, connection)
        finally:
            dispose(connection)
    named, seated = {user.id for user in deployed.users}, {seat.account_id for seat in deployed.seats}
    known = [
        each for each in DatabaseDeployment(connection, deployed.deployment).accounts() if deployed.shows(each[1].id)
    ]
    others = {user.id: user for _, user in known if user.id not in named}
    unseated = [each for each in known if each[0].id not in seated]
    left = _Left(deployed, connection) if unseated else None
    found = [left.seat(*each) for each in unseated] if left is not None else []
    return replace(
        deployed,
        users=[*deployed.users, *others.values()],
        seats=[*deployed.seats, *(seat for seat in found if seat is not None)],
    )


def markets_of_books(deployed: Deployed) -> list[str]:
    """Symbols of which any journal speaks."""
    if not deployed.database.exists():
        return []
    connection = open_store(deployed.database)
    try:
        return sorted({market.partition(":")[2] for _, market in DatabaseJournal(connection).traded()})
    finally:
        dispose(connection)


class _Left:
    """Reads accounts that have no seat, offline: what a market is like says the journal."""

    def __init__(self, deployed: Deployed, connection: Connection) -> None:
        self._deployed, self._journal = deployed, DatabaseJournal(connection)
        self._traded = self._journal.traded()
        self._unled_id = UNLED.strategy_id(deployed.timeframe_ms)

    def seat(self, noun: AccountNoun, user: User) -> Seated | None:
        """Who looks after an account; None where nothing is held."""
        traded = sorted(market for account, market in self._traded if account == noun.id)
        if not traded:
            return None
        try:
            account = self._account(noun)
            held = [slot.market.symbol for slot in account.slots.values() if slot.held]
            if not held and not account.orders:
                return None
            mandate = account.mandate
        except StoreUnusable:
            raise
        except TradepoolError as error:
            # What nobody can read is looked at all the same: that says what is wrong with it.
            held, mandate = [f"what its journal does not tell ({error})"], self._unknown(noun, traded)
        # The journal is read again with these, so it has to find every market it speaks of.
        mandate = replace(mandate, markets=tuple(dict.fromkeys((*mandate.markets, *traded))))
        own = [each for each in self._deployed.inactive if each.account_id == noun.id and each.mandate.id == mandate.id]
        if own and not own[0].unled:
            markets = tuple(dict.fromkeys((*own[0].mandate.markets, *mandate.markets)))
            return replace(own[0], mandate=replace(own[0].mandate, markets=markets), off=INACTIVE)
        return self._unled(noun, user, mandate, held)

    def _account(self, noun: AccountNoun) -> Account:
        """An account as its journal has it. DamagedJournal, Unstarted."""
        found = self._journal.snapshot(noun.id)
        sequence, state = (0, None) if found is None else (found[0], found[1].state)
        events = list(self._journal.read(noun.id, sequence))
        mandates = [event.mandate for _, _, event in events if isinstance(event, MandateChanged)]
        terms = [event.markets for _, _, event in events if isinstance(event, TermsSeen)]
        if state is not None:
            mandates, terms = [state.mandate, *mandates], [state.seen, *terms]
        # The oldest first: how they changed is told again.
        markets = {market.id: market for each in reversed(terms) for market in each}
        if not mandates or not markets:
            raise Unstarted(account=noun.id)
        mark = self._deployed.deployment.mark
        account = Account(noun, mandates[0], list(markets.values()), Origin.REAL, mark)
        if state is not None:
            put_back(account, state)
        for _, as_of_ms, event in events:
            account.rereads(event)
            account.apply(event)
            account.as_of_ms = max(account.as_of_ms, as_of_ms)
        return account

    def _unknown(self, noun: AccountNoun, traded: Sequence[MarketId]) -> Mandate:
        return Mandate(
            id=MandateId("unknown"),
            account=noun.id,
            strategy_id=self._unled_id,
            markets=tuple(traded),
            weight=Decimal(1),
            capital=Decimal(1),
        )

    def _unled(self, noun: AccountNoun, user: User, mandate: Mandate, held: Sequence[str]) -> Seated:
        deployed = self._deployed
        error = Unled(file=deployed.file, account=noun.id, held=", ".join(held) or "an open order", user=user.id)
        practice = deployed.deployment.kind is Kind.PRACTICE
        return Seated(
            user=next((each for each in deployed.users if each.id == user.id), user),
            account_id=noun.id,
            account=deployed.settings.accounts.get(noun.id) or AccountSettings(user=user.id),
            mandate=replace(mandate, strategy_id=self._unled_id),
            strategy=UNLED,
            ceiling=Mode.PRACTICE if practice else Mode.LIVE,
            cap=CanaryCap(),
            off=str(error),
            unled=error,
        )
