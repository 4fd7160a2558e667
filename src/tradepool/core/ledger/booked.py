"""What an event of an account's journal books: live as it is written, and anew when the books are verified.

The journal is the truth: whoever folds it gets each of its entries again, to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence

from tradepool.core.account.account import Account
from tradepool.core.ledger.charges import charge_entry
from tradepool.core.ledger.flows import flow_entry
from tradepool.core.ledger.posting import (
    adopted_entry,
    correction_entry,
    fill_entry,
    opening_entry,
    outside_entry,
    released_entry,
)
from tradepool.domain.by_hand import BookCorrected, PositionAdopted
from tradepool.domain.charge import Charge
from tradepool.domain.command import Command, RecordRelease
from tradepool.domain.errors import TradepoolError
from tradepool.domain.event import AccountOpened, Event, MandateChanged, OrderFilled, OrdersAdopted, TermsSeen
from tradepool.domain.fill import Fill
from tradepool.domain.flow import FlowSeen
from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.ledger import LedgerEntry
from tradepool.domain.market import Market
from tradepool.domain.trade import Origin
from tradepool.domain.user import Account as AccountNoun


class NotPostable(TradepoolError):
    """The journal of account {account} trades before it names a mandate: it was not written by this version, and can't be posted anew."""


def entries_of(account: Account, event: Event, commands: Sequence[Command]) -> list[LedgerEntry]:
    """The entries of an event that `account` has just applied, which gave these commands."""
    name, slots = account.account.id, account.slots
    released = [command for command in commands if isinstance(command, RecordRelease)]
    return [
        *_told(account, event),
        *(released_entry(name, release, slots[release.market].market) for release in released),
    ]


def _told(account: Account, event: Event) -> list[LedgerEntry]:
    match event:
        case OrderFilled(fill=fill):
            return [_filled(account, fill)]
        case OrdersAdopted(fills=fills):
            return [_filled(account, fill) for fill in fills]
        case PositionAdopted():
            return [adopted_entry(account.account.id, event, account.slots[event.market].market)]
    return _told_alone(account.account.id, event)


def _told_alone(account: AccountId, event: Event) -> list[LedgerEntry]:
    """What an event books that says all there is to say, so that no terms and no mandate are needed."""
    match event:
        case AccountOpened():
            return [opening_entry(account, event.time_ms, event.balances)]
        case BookCorrected():
            return [correction_entry(account, event)]
        case FlowSeen():
            return [flow_entry(account, event)]
        case Charge():
            owed = charge_entry(account, event)
            return [] if owed is None else [owed]
    return []


def _filled(account: Account, fill: Fill) -> LedgerEntry:
    ours = account.naming.whose(fill.client_order_id, account.account.number).known
    return (fill_entry if ours else outside_entry)(fill, account.slots[fill.market].market)


class Fold:
    """An account out of its journal alone, event by event, and what each of them books.

    A life begins with the terms of its markets and the mandate; the account is there from the first mandate on.
    """

    def __init__(self, account: AccountNoun, mark: str) -> None:
        """`mark` is the deployment's, by which orders of ours are known."""
        self._noun, self._mark = account, mark
        self._account: Account | None = None
        self._before: list[Event] = []

    def entries(self, event: Event, as_of_ms: int) -> list[LedgerEntry]:
        """Apply the next event; what it books. NotPostable, and what applying raises: BrokenLaw, OffGrid, GridsApart;
        KeyError for a market whose terms were never seen."""
        if self._account is None:
            if not isinstance(event, MandateChanged):
                self._before.append(event)
                if isinstance(event, OrderFilled | OrdersAdopted | PositionAdopted):
                    raise NotPostable(account=self._noun.id)
                return _told_alone(self._noun.id, event)
            self._account = self._begun(event)
        account = self._account
        account.rereads(event)
        commands = account.apply(event)
        account.as_of_ms = max(account.as_of_ms, as_of_ms)
        return entries_of(account, event, commands)

    @property
    def account(self) -> Account | None:
        """As the events so far left it; None before the first mandate."""
        return self._account

    def _begun(self, event: MandateChanged) -> Account:
        """The account under its first mandate, which has heard what came before."""
        seen = _seen(self._before)
        markets = [seen[market] for market in event.mandate.markets]
        account = Account(self._noun, event.mandate, markets, Origin.REAL, self._mark)
        for earlier in self._before:
            account.apply(earlier)
        return account


def _seen(events: Sequence[Event]) -> dict[MarketId, Market]:
    return {market.id: market for event in events if isinstance(event, TermsSeen) for market in event.markets}
