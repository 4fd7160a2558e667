"""The user stream is a hint, REST is the truth: what the stream keeps to itself is noticed, asked for and booked.

Three ways to notice. The venue owes an answer that has not come ANSWER_S after its command left us. A read by the
schedule shows an order that has ended, or filled further, unheard of. The stream breaks. All three lead to the one path
of a reconnect: a stream that has kept one thing to itself may be silent for good, so it is opened anew; as long as it can't be,
the venue is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from tradepool.domain.balance import Balance
from tradepool.domain.errors import TradepoolError, VenueError
from tradepool.domain.event import ForeignOrder
from tradepool.domain.ids import AccountId, ClientOrderId
from tradepool.domain.order import OrderStatus
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import AccountGateway
from tradepool.runtime import telemetry
from tradepool.runtime.supervise import Supervisor
from tradepool.services.account_reads import AccountReads, Exposure, Holdings, OnFailed, Schedule
from tradepool.services.trading import recovery
from tradepool.services.trading.account_actor import AccountActor

# Longer than any answer of a venue that is well.
ANSWER_S = 10.0
# What a read shows may be on its way as a frame: the stream is blamed for it only after that.
ON_ITS_WAY_S = 3.0
# With twice the wait each time: three hours in all.
ASKED_MAX = 10

log = telemetry.logger(__name__)


class NeverAnswered(TradepoolError):
    """The venue has not told what became of {orders}, asked {times} times; look there by hand, then start again."""


class AccountFeed:
    """Watches over what the actors of one venue hear. `every_ms` is how often accounts are read; None: never.

    Reads begin with `run`, in live trading. A replay has no time of its own: there, whoever is due is read a moment
    after a batch (`after_batch`).
    """

    def __init__(self, clock: Clock, every_ms: Mapping[Exposure, int] | None, on_failed: OnFailed) -> None:
        """Nobody is watched before `admit`; `on_failed` stops an account, `on_balances` hears that the stream told some."""
        self.on_balances: Callable[[AccountId], None] = lambda account: None
        self._clock = clock
        self._on_failed = on_failed
        self._actors: dict[AccountId, AccountActor] = {}
        self._gateways: dict[AccountId, AccountGateway] = {}
        self._waiting: dict[AccountId, asyncio.Task[None]] = {}
        self._kept: dict[AccountId, tuple[list[ClientOrderId], int]] = {}
        self._supervisor = Supervisor()
        self._reads_are_on = every_ms is not None
        schedule = Schedule(every_ms) if every_ms is not None else Schedule()
        self._reads = AccountReads(self._gateways, clock, schedule, self._look, on_failed)

    # ---- who is watched

    def admit(self, actor: AccountActor) -> None:
        """Watch over an account whose stream stands and has been caught up with."""
        account = actor.account.account.id
        self._actors[account], self._gateways[account] = actor, actor.gateway
        actor.on_balances = partial(self._balances, account)
        actor.on_change = self._changed
        self.mended(actor)

    def lost(self, actor: AccountActor) -> None:
        """Its stream broke: it is read at once, however long the stream takes to come back."""
        self._reads.lost(actor.account.account.id)

    def mended(self, actor: AccountActor) -> None:
        """Its stream stands again: what it was asked for may still owe an answer."""
        account = actor.account.account.id
        if account in self._actors:
            self._changed(actor)
        self._reads.mended(account)

    def took(self, account: AccountId, balances: Sequence[Balance], asked_ms: int) -> None:
        """What an account held when it was started."""
        self._reads.took(account, balances, asked_ms)

    def holdings(self, account: AccountId) -> Holdings | None:
        """What an account holds, as the stream or a read told last, and when that was."""
        return self._reads.holdings(account)

    async def for_deposits(self, account: AccountId) -> Holdings | None:
        """The same for the deposit check: the venue is asked only where its stream may have missed something."""
        return await self._reads.for_deposits(account)

    async def anew(self, account: AccountId) -> Holdings | None:
        """The same, from the venue, whatever its stream has told. VenueError."""
        return await self._reads.anew(account)

    async def lately(self, account: AccountId, age_max_ms: int) -> Holdings | None:
        """The same, and what was told or read at most so long ago will do."""
        held = self._reads.holdings(account)
        if held is not None and self._clock.now_ms() - held.as_of_ms <= age_max_ms:
            return held
        return await self.for_deposits(account)

    async def run(self) -> None:
        """Read whoever is due, until cancelled."""
        await self._reads.run()

    def after_batch(self) -> None:
        """Candles have closed: a moment later, read whoever is due."""
        if self._reads_are_on and self._reads.is_due():
            self._supervisor.start("reads", self._soon(), lambda name, error: None)

    async def stop(self) -> None:
        """Watch nobody."""
        await self._reads.stop()
        await self._supervisor.stop()

    async def _soon(self) -> None:
        await self._clock.sleep(ON_ITS_WAY_S)
        self._reads.read_due()

    def _balances(self, account: AccountId, balances: Sequence[Balance], time_ms: int) -> None:
        self._reads.streamed(account, balances, time_ms)
        self.on_balances(account)

    def _changed(self, actor: AccountActor) -> None:
        """What is at stake, and whether an answer is awaited that nobody else will ask for."""
        account = actor.account.account.id
        if self._reads_are_on:
            self._reads.watch(account, exposure_of(actor))
        if not actor.awaits:
            self._rest(account)
        elif account not in self._waiting:
            work = self._wait(actor)
            self._waiting[account] = self._supervisor.start(f"{account} answers", work, partial(self._failed, account))

    # ---- an answer that does not come

    def _rest(self, account: AccountId) -> None:
        waiting = self._waiting.pop(account, None)
        if waiting is not None:
            waiting.cancel()

    async def _wait(self, actor: AccountActor) -> None:
        """Until it is cancelled, because the answer came; NeverAnswered a while after ASKED_MAX times."""
        for asked in range(ASKED_MAX):
            await self._clock.sleep(ANSWER_S * 2**asked)
            if actor.account.listening:
                actor.lost("it did not tell of an answer")
                continue
            try:
                await recovery.catch_up(actor, resend=False)
                self._changed(actor)
            except VenueError as error:
                log.warning("an answer could not be asked for", account=actor.account.account.id, error=str(error))
        await self._clock.sleep(ANSWER_S)
        raise NeverAnswered(orders=", ".join(sorted(actor.account.orders)), times=ASKED_MAX)

    def _failed(self, account: AccountId, task: str, error: Exception) -> None:
        """Its next change, or its stream when it stands again, has the answers waited for anew, unless that was in vain."""
        if not isinstance(error, NeverAnswered):
            self._waiting.pop(account, None)
        self._on_failed(account, error)

    # ---- a read

    async def _look(self, account: AccountId) -> None:
        """Compare the open orders with ours; what differs, and still does when all frames have come, was kept from us.

        Where the stream is down the venue is asked for everything instead.
        """
        actor = self._actors.get(account)
        if actor is None:
            return
        if not actor.account.listening:
            await recovery.catch_up(actor, resend=False)
            return
        unheard = await self._unheard(actor)
        if unheard:
            await self._clock.sleep(ON_ITS_WAY_S)
            kept = [name for name, steps in resting(actor).items() if unheard.get(name) == steps]
            if kept and actor.account.listening:
                self._blame(actor, kept)
            return
        self._kept.pop(account, None)

    def _blame(self, actor: AccountActor, kept: list[ClientOrderId]) -> None:
        """The stream is opened anew, which asks for everything; NeverAnswered where that has not helped ASKED_MAX times."""
        account = actor.account.account.id
        before, times = self._kept.get(account, ([], 0))
        self._kept[account] = kept, times + 1 if kept == before else 1
        if self._kept[account][1] > ASKED_MAX:
            raise NeverAnswered(orders=", ".join(kept), times=ASKED_MAX)
        actor.lost(f"it did not tell of {', '.join(kept)}")

    async def _unheard(self, actor: AccountActor) -> dict[ClientOrderId, int]:
        """Our resting orders, with their booked steps, that are gone at the venue, or have filled further there."""
        ours, unheard = resting(actor), dict[ClientOrderId, int]()
        markets = {actor.account.orders[name].request.market for name in ours}
        for slot in actor.account.slots.values():
            if slot.market.id not in markets:
                continue
            there = {order.client_order_id: order for order in await actor.gateway.open_orders(slot.market)}
            for order in there.values():
                found = ForeignOrder(time_ms=order.time_ms, name=order.client_order_id, market=order.market)
                actor.handle(found)
            for name, steps in ours.items():
                working = actor.account.orders.get(name)
                if working is None or working.request.market != slot.market.id:
                    continue
                if name not in there or there[name].filled_quantity > slot.market.quantity(steps):
                    unheard[name] = steps
        return unheard


def resting(actor: AccountActor) -> dict[ClientOrderId, int]:
    """Orders that the venue has told us it has, each with the steps that are booked."""
    orders = sorted(actor.account.orders.items())
    return {name: order.filled_steps for name, order in orders if order.status is OrderStatus.ACCEPTED}


def exposure_of(actor: AccountActor) -> Exposure:
    """What an account has at stake."""
    if actor.account.orders:
        return Exposure.OPEN_ORDERS
    held = any(slot.held for slot in actor.account.slots.values())
    return Exposure.POSITION if held else Exposure.IDLE
