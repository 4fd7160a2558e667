"""A command's own connection to venue and database: for when the trading process hangs, or there is none.

Looking reads the journal and asks the venue, and changes nothing. Acting takes the accounts over as a newer instance:
what the hanging process would still write or enter is refused from then on, by the database, when it wakes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.reserve import ReservedJournal
from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.domain.balance import Balance
from tradepool.domain.by_hand import FlattenAsked
from tradepool.domain.deployment import Kind, Scope
from tradepool.domain.errors import TradepoolError, VenueError
from tradepool.domain.event import MandateChanged
from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.market import Market
from tradepool.domain.trade import Origin
from tradepool.entrypoints.checklist import Facts, facts_now
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.keys import KeyOf
from tradepool.entrypoints.rungs import Rungs
from tradepool.entrypoints.running import by_hand, reserve_of
from tradepool.entrypoints.safety import entering, may_fill, not_seen, safety_of
from tradepool.entrypoints.seating import gone_of, seat_of
from tradepool.entrypoints.venue_way import Asked, Way, asked
from tradepool.presentation.status_page import AccountSafety
from tradepool.runtime.supervise import Supervisor
from tradepool.services.backoff import patiently
from tradepool.services.trading import recovery
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.sender import Sender
from tradepool.services.trading.steering import Steering

FLAT_S, LOOK_S = 60.0, 0.2


class OwnHands:
    """What a command holds meanwhile: the venue, its markets, and the accounts' actors it has made."""

    def __init__(self, deployed: Deployed, connection: Connection, key_of: KeyOf, venue: Asked) -> None:
        """Use `own_hands`."""
        self._deployed, self._clock, self._key_of, self._venue = deployed, venue.clock, key_of, venue
        self._connection, self._rows = connection, DatabaseDeployment(connection, deployed.deployment)
        self._rungs = Rungs(connection)
        self._journal = ReservedJournal(connection, self._rows.epoch, reserve_of(deployed))
        self._books = DatabaseBooks(connection)
        self._traded = self._journal.traded()
        self.feed = venue.feed
        self.listed: dict[MarketId, Market] = {}

    async def open(self) -> None:
        """Read the venue's time and markets."""
        self.listed = await patiently(self._clock, self._venue.listed)
        await patiently(self._clock, self.feed.time_ms)

    async def _actor(self, seat: Seated, epoch: int) -> AccountActor:
        """An account as its journal has it; nothing of it runs yet. VenueError, UnknownMarket."""
        seat = self._whole(seat)
        taken = seat_of(seat, self._rows, self._deployed.venue.id, self._key_of)
        markets = self._markets(seat)
        gateway = self._venue.gateway(taken.account.id, taken.credentials, markets)
        fees = await patiently(self._clock, gateway.fees)
        account = self._new_account(seat, [replace(market, fees=fees) for market in markets])
        actor: AccountActor
        sender = Sender(gateway, self._clock, 0, lambda event: actor.post(event))
        actor = AccountActor(account, gateway, self._journal, sender, epoch)
        actor.fees = fees
        return actor

    def _whole(self, seat: Seated) -> Seated:
        """With every market of which its journal speaks, be its mandate's or not."""
        gone = gone_of(seat, self._traded)
        return replace(seat, mandate=replace(seat.mandate, markets=(*seat.mandate.markets, *gone))) if gone else seat

    def _markets(self, seat: Seated) -> list[Market]:
        """Those that have left the venue's list are as its journal saw them last."""
        markets = recovery.markets_of(seat.account_id, seat.mandate, self.listed, self._journal)
        for market in markets:
            if market.id not in self.listed:
                self.feed.remember(market)
        return markets

    def _new_account(self, seat: Seated, markets: Sequence[Market]) -> Account:
        noun = self._rows.account(seat.user, seat.account_id, self._deployed.venue.id)
        origin = Origin.PRACTICE if self._deployed.deployment.kind is Kind.PRACTICE else Origin.REAL
        return Account(noun, seat.mandate, markets, origin, self._deployed.deployment.mark)

    def journaled(self, seat: Seated, until_ms: int | None = None) -> Account:
        """An account as its journal alone has it: no key is needed, and the rates are the venue's common ones. With a time,
        as it was until its mandate was changed then."""
        seat = self._whole(seat)
        account = self._new_account(seat, self._markets(seat))
        for _, _, event in self._journal.read(seat.account_id):
            if until_ms is not None and isinstance(event, MandateChanged) and event.time_ms >= until_ms:
                break
            account.apply(event)
        return account

    # ---- looking

    async def look(self, seat: Seated) -> AccountSafety:
        """How an account stands, by its journal and its venue's word."""
        try:
            actor = await self._actor(seat, self._rows.epoch)
        except TradepoolError as error:
            return not_seen(seat, self._rungs.of(seat), str(error))
        account, gateway = actor.account, actor.gateway
        try:
            recovery.remember(actor, self._journal)
            slots = account.slots.values()
            resting = {o.client_order_id for s in slots for o in await gateway.open_orders(s.market)}
            balances = await gateway.balances() if account.opened else []
            return safety_of(seat, self._rungs.of(seat), account, self._books, self._clock.now_ms(), balances, resting)
        except VenueError as error:
            return safety_of(
                seat, self._rungs.of(seat), account, self._books, self._clock.now_ms(), None, why=str(error)
            )
        except TradepoolError as error:
            # Its journal can't be read: that is its own trouble.
            return not_seen(seat, self._rungs.of(seat), str(error))
        finally:
            await gateway.close()

    # ---- acting

    async def flatten(self, scope: Scope) -> dict[AccountId, list[str]]:
        """Take the accounts in scope over and sell what they hold there; by account, what could not be sold and which entries
        may still buy."""
        left = dict[AccountId, list[str]]()
        with self._taken_over() as epoch:
            for seat in self._deployed.seats:
                markets = tuple(m for m in self._whole(seat).mandate.markets if scope.covers(seat.user.id, m))
                if markets:
                    try:
                        async with self._at_work(seat, epoch) as (actor, failed):
                            left[seat.account_id] = await self._flatten_account(actor, markets, failed)
                    except TradepoolError as error:
                        left[seat.account_id] = [str(error)]
        return left

    async def steer(self, seat: Seated, work: Callable[[Steering], Awaitable[str]]) -> str:
        """Take the deployment over and do one thing to an account. What that raises."""
        with self._taken_over() as epoch:
            async with self._at_work(seat, epoch) as (actor, _):
                may_adopt = partial(self._rungs.may_adopt, seat, actor.account)
                return await work(Steering(actor, self._clock, self._clock, may_adopt))

    async def facts(self, seat: Seated) -> Facts:
        """What venue and account say before a promotion. VenueError, UnknownMarket."""
        safety, actor = await self.look(seat), await self._actor(seat, self._rows.epoch)
        try:
            return await facts_now(seat, safety, actor.account, actor.gateway, self.feed, self._clock)
        finally:
            await actor.gateway.close()

    async def account(self, seat: Seated) -> Account:
        """An account as its journal has it. VenueError, UnknownMarket."""
        actor = await self._actor(seat, self._rows.epoch)
        try:
            actor.replay(list(self._journal.read(seat.account_id)))
            return actor.account
        finally:
            await actor.gateway.close()

    async def held(self, seat: Seated) -> tuple[Account, Sequence[Balance], int]:
        """An account as its journal has it, what its venue says it holds, and when. VenueError, UnknownMarket, NoKey."""
        actor = await self._actor(seat, self._rows.epoch)
        try:
            recovery.remember(actor, self._journal)
            return actor.account, await actor.gateway.balances(), self._clock.now_ms()
        finally:
            await actor.gateway.close()

    @contextmanager
    def _taken_over(self) -> Iterator[int]:
        """The instance that this command is; nobody starts as the same one meanwhile."""
        with by_hand(self._deployed):
            epoch = self._rows.next_epoch()
            self._journal = ReservedJournal(self._connection, epoch, reserve_of(self._deployed))
            yield epoch

    @asynccontextmanager
    async def _at_work(self, seat: Seated, epoch: int) -> AsyncIterator[tuple[AccountActor, list[str]]]:
        """An account that sends and asks what becomes of that, and what failed in it. There is no stream: that of a venue may
        be the very thing that is down."""
        failed: list[str] = []
        actor, supervisor = await self._actor(seat, epoch), Supervisor()

        def note(name: str, error: Exception) -> None:
            failed.append(str(error))

        # What may be at the venue is looked up; what is not there is never sent again.
        actor.sender.halt()
        try:
            recovery.revive(actor, self._journal, self._clock)
            await recovery.finish_by_asking(actor, self._clock)
            supervisor.start("events", actor.run(_no_stream), note)
            supervisor.start("orders", actor.sender.run(), note)
            supervisor.start("answers", recovery.ask_on(actor, self._clock), note)
            yield actor, failed
        finally:
            await supervisor.stop()
            await actor.gateway.close()

    async def _flatten_account(
        self, actor: AccountActor, markets: Sequence[MarketId], failed: Sequence[str]
    ) -> list[str]:
        until_ms = self._clock.now_ms() + int(FLAT_S * 1_000)
        slots = [actor.account.slots[market] for market in markets]
        while True:
            # Asked again and again: what an entry on its way has bought meanwhile is sold too.
            actor.post(FlattenAsked(time_ms=self._clock.now_ms(), markets=tuple(markets)))
            await self._clock.sleep(LOOK_S)
            wait = any(slot.busy or (slot.held and not slot.row[step.UNSELLABLE]) for slot in slots)
            if not wait or failed or self._clock.now_ms() > until_ms:
                break
        held = [str(slot.market.id) for slot in slots if slot.held]
        return [*failed, *held, *(may_fill(*each) for each in entering(actor.account).items() if each[0] in markets)]


async def _no_stream(actor: AccountActor) -> None:
    """There was none that could be lost."""


@asynccontextmanager
async def own_hands(deployed: Deployed, connection: Connection, way: Way, key_of: KeyOf) -> AsyncIterator[OwnHands]:
    """Connect; nothing else in this process may meanwhile."""
    async with asked(deployed.venue.id, way) as venue:
        hands = OwnHands(deployed, connection, key_of, venue)
        await hands.open()
        yield hands
