"""A command's own connection to venue and database: for when the trading process hangs, or there is none.

Looking reads the journal and asks the venue, and changes nothing. Acting takes the accounts over as a newer instance:
what the hanging process would still write or enter is refused from then on, by the database, when it wakes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from sqlalchemy import Connection

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import DatabaseDeployment, FencedJournal
from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.ccxt_gateway import CcxtGateway
from tradepool.adapters.exchanges.rate_limits import limits_of
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.adapters.exchanges.venues import facts_of
from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.core.risk.symbols import listed_market
from tradepool.domain.deployment import Kind, Scope
from tradepool.domain.errors import TradepoolError, VenueError
from tradepool.domain.event import FlattenAsked
from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.market import Market
from tradepool.domain.trade import Origin
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.keys import KeyOf
from tradepool.entrypoints.safety import not_seen, safety_of
from tradepool.entrypoints.trading import seat_of
from tradepool.ports.clock import Clock
from tradepool.presentation.status_page import AccountSafety
from tradepool.runtime.egress import sealed
from tradepool.runtime.supervise import Supervisor
from tradepool.runtime.throttle import Throttle
from tradepool.services.backoff import patiently
from tradepool.services.trading import recovery
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.sender import Sender

KEEP_ALIVE_MS = 30_000
FLAT_S, LOOK_S = 60.0, 0.2


class OwnHands:
    """What a command holds meanwhile: a session to the venue, its markets, and the accounts' actors it has made."""

    def __init__(
        self, deployed: Deployed, connection: Connection, clock: Clock, key_of: KeyOf, session: Session
    ) -> None:
        """Use `own_hands`."""
        self._deployed, self._clock, self._key_of, self._session = deployed, clock, key_of, session
        self._connection, self._rows = connection, DatabaseDeployment(connection, deployed.deployment)
        self._journal = FencedJournal(connection, self._rows.epoch)
        self._books = DatabaseBooks(connection)
        self._broker = Throttle(limits_of(deployed.venue.id), clock)
        venue = deployed.venue.id
        self.feed = CcxtFeed(venue, session, clock, lambda time_ms: None, KEEP_ALIVE_MS, self._broker)
        self._listed: dict[MarketId, Market] = {}

    async def open(self) -> None:
        """Read the venue's time and markets."""
        self._listed = {market.id: market for market in await patiently(self._clock, self.feed.markets)}
        await patiently(self._clock, self.feed.time_ms)

    async def _actor(self, seat: Seated, epoch: int) -> AccountActor:
        """An account as its journal has it; nothing of it runs yet. VenueError, UnknownMarket."""
        taken = seat_of(seat, self._rows, self._deployed.venue.id, self._key_of)
        markets = [listed_market(self._listed, market) for market in seat.mandate.markets]
        gateway = CcxtGateway(
            taken.account.id,
            taken.credentials,
            self.feed.client,
            markets,
            self._session,
            self._clock,
            lambda time_ms: None,
            KEEP_ALIVE_MS,
            self._broker,
        )
        fees = await patiently(self._clock, gateway.fees)
        origin = Origin.PRACTICE if self._deployed.deployment.kind is Kind.PRACTICE else Origin.REAL
        mark = self._deployed.deployment.mark
        account = Account(taken.account, taken.mandate, [replace(m, fees=fees) for m in markets], origin, mark)
        actor: AccountActor
        sender = Sender(gateway, self._clock, 0, lambda event: actor.post(event))
        actor = AccountActor(account, gateway, self._journal, sender, epoch)
        actor.fees = fees
        return actor

    # ---- looking

    async def look(self, seat: Seated) -> AccountSafety:
        """How an account stands, by its journal and its venue's word."""
        try:
            actor = await self._actor(seat, self._rows.epoch)
        except TradepoolError as error:
            return not_seen(seat, str(error))
        account, gateway = actor.account, actor.gateway
        try:
            recovery.remember(actor, self._journal)
            slots = account.slots.values()
            resting = {o.client_order_id for s in slots for o in await gateway.open_orders(s.market)}
            balances = await gateway.balances() if account.opened else []
            return safety_of(seat, account, self._books, self._clock.now_ms(), balances, resting)
        except VenueError as error:
            return safety_of(seat, account, self._books, self._clock.now_ms(), None, why=str(error))
        finally:
            await gateway.close()

    # ---- acting

    async def flatten(self, scope: Scope) -> dict[AccountId, list[str]]:
        """Take the accounts in scope over and sell what they hold there; what could not be sold, by account."""
        epoch = self._rows.next_epoch()
        self._journal = FencedJournal(self._connection, epoch)
        left: dict[AccountId, list[str]] = {}
        for seat in self._deployed.seats:
            markets = tuple(m for m in seat.mandate.markets if scope.covers(seat.user.id, m))
            if markets:
                left[seat.account_id] = await self._flatten_account(seat, markets, epoch)
        return left

    async def _flatten_account(self, seat: Seated, markets: Sequence[MarketId], epoch: int) -> list[str]:
        failed: list[str] = []
        try:
            actor = await self._actor(seat, epoch)
        except TradepoolError as error:
            return [str(error)]
        supervisor = Supervisor()
        try:
            await recovery.start(actor, self._journal, self._clock)

            def note(name: str, error: Exception) -> None:
                failed.append(str(error))

            supervisor.start("events", actor.run(lambda lost: recovery.reconnect(lost, self._clock)), note)
            supervisor.start("orders", actor.sender.run(), note)
            until_ms = self._clock.now_ms() + int(FLAT_S * 1_000)
            slots = [actor.account.slots[market] for market in markets]
            while True:
                # Asked again and again: what an entry on its way has bought meanwhile is sold too.
                actor.post(FlattenAsked(time_ms=self._clock.now_ms(), markets=tuple(markets)))
                await self._clock.sleep(LOOK_S)
                wait = any(slot.busy or (slot.held and not slot.row[step.UNSELLABLE]) for slot in slots)
                if not wait or failed or self._clock.now_ms() > until_ms:
                    break
            return failed or [str(slot.market.id) for slot in slots if slot.held]
        except TradepoolError as error:
            return [str(error)]
        finally:
            await supervisor.stop()
            await actor.gateway.close()


@asynccontextmanager
async def own_hands(
    deployed: Deployed, connection: Connection, place: tuple[Clock, Transport], key_of: KeyOf
) -> AsyncIterator[OwnHands]:
    """Connect; nothing else in this process may meanwhile."""
    clock, transport = place
    reach = facts_of(deployed.venue.id).reach
    with sealed(reach.names, lambda error: None):
        session = Session(transport, (), reach, lambda error: None, 0)
        hands = OwnHands(deployed, connection, clock, key_of, session)
        try:
            await hands.open()
            yield hands
        finally:
            await hands.feed.close()
            await session.close()
            # Connections that are being closed say goodbye before the loop ends.
            await asyncio.sleep(0)
