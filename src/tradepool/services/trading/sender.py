"""Sends one account's commands, one after the other, and brings the answers back as events.

An order whose outcome is unknown is looked up by its client id before anything else is sent for its market; what waits
for its next try lets the other markets pass, and an entry that waits for leave to be sent lets pass whatever reduces risk.
Before each try, and during it, the account is asked whether it still waits: its stream may have told the answer meanwhile,
and what comes next need not wait for an answer that hangs. A sender that has failed is halted: entries are answered with
that, what protects a position or makes way for it is still sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tradepool.core.account import reconcile
from tradepool.domain.command import Cancel, Submit
from tradepool.domain.denial import Denial
from tradepool.domain.errors import KeyRefused, TradepoolError
from tradepool.domain.event import Event, OrderRejected
from tradepool.domain.ids import ClientOrderId, MarketId
from tradepool.domain.order import OrderRequest
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import RECV_WINDOW_MS, AccountGateway, NotPlaced, OutcomeUnknown
from tradepool.runtime import telemetry
from tradepool.runtime.supervise import Supervisor
from tradepool.services.backoff import URGENT, Backoff

# A venue that denies an order is believed when a request for it can't be carried out any more, with a second for clocks.
ABSENT_AFTER_MS = RECV_WINDOW_MS + 1_000
# So many lost answers are looked up at once each; what is lost again and again is asked for ever more slowly.
UNKNOWN_MAX = 5

Sendable = Submit | Cancel

log = telemetry.logger(__name__)


class StillStarting(TradepoolError):
    """Account {account} is still starting; ask again in a moment."""


@dataclass(slots=True)
class _Item:
    """A command on its way, not tried before `due_ms`. `unknown_ms` is when a request for it was out last, None when the
    venue can have none; `unknown` counts how often that was so."""

    command: Sendable
    backoff: Backoff
    due_ms: int = 0
    unknown_ms: int | None = None
    unknown: int = 0

    @property
    def market(self) -> MarketId:
        """Where it belongs."""
        return self.command.market if isinstance(self.command, Cancel) else self.command.order.request.market

    def enters_anew(self) -> bool:
        """Whether it adds risk and the venue has none of it: what reduces risk may pass by."""
        return _enters(self.command) and self.unknown_ms is None


@dataclass(frozen=True, slots=True)
class _Done:
    """A command is answered; without an event the answer comes, or came, by the stream."""

    events: Sequence[Event] = ()


class Sender:
    """A queue in client-order-id order before a gateway; cancels of an order go before younger orders.

    `wanted` is set by the account's owner: whether the account still waits for a command's answer. `may_enter` is asked
    before an entry goes out: "" or why it may not now, which is the reason it is rejected for; on StillStarting it is asked
    again, until the entry is too old. `on_rejected` hears what the venue refused, and why; `on_done` that a command has left
    the queue, answered or not; `on_failed` why the sender has halted itself.
    """

    def __init__(
        self, gateway: AccountGateway, clock: Clock, entry_age_ms: int, on_event: Callable[[Event], None]
    ) -> None:
        """`entry_age_ms` is how old an entry may be when it is sent; older ones are rejected as aged out."""
        self.wanted: Callable[[Sendable], bool] = lambda command: True
        self.may_enter: Callable[[OrderRequest], str] = lambda request: ""
        self.on_rejected: Callable[[OrderRequest, str], None] = lambda request, reason: None
        self.on_done: Callable[[], None] = lambda: None
        self.on_failed: Callable[[Exception], None] = lambda error: None
        self.clock = clock
        self._gateway = gateway
        self._entry_age_ms = entry_age_ms
        self._on_event = on_event
        self._queue: list[_Item] = []
        self._halted = False
        self._wake = asyncio.Event()
        # An entry's try that has not left yet, if one is under way, and whether it had to make way.
        self._waiting: asyncio.Future[_Done | None] | None = None
        self._entries_last = False
        # Tries that are still out, for what the stream has told by now.
        self._late = Supervisor()

    def put(self, commands: Iterable[Sendable], *, unsure: bool = False) -> None:
        """Queue commands, none of them too: the account has heard something; they go out once `run` runs. `unsure`: they may
        have gone out before, up to now, and have just been denied: they are looked up when a denial can be believed."""
        unknown_ms = self.clock.now_ms() if unsure else None
        due_ms = 0 if unknown_ms is None else unknown_ms + ABSENT_AFTER_MS
        for command in commands:
            backoff = Backoff(self.clock) if _enters(command) else Backoff(self.clock, URGENT)
            self._queue.append(_Item(command, backoff, due_ms, unknown_ms))
            if not _enters(command):
                self._call_back()
        self._queue.sort(key=lambda item: command_name(item.command))
        if self._queue:
            self._wake.set()

    def holds(self, kind: type[Sendable], name: ClientOrderId) -> bool:
        """Whether a command of this kind for this order is on its way: its answer will come from here."""
        return any(name in _names(item.command) and isinstance(item.command, kind) for item in self._queue)

    def halt(self) -> None:
        """The account is stopped: no entry goes out from now on, those that wait for leave to be sent included; they are
        rejected as stopped. What protects a position, and cancels that make way for it, go out; what may be at the venue
        is still looked up."""
        self._halted = True
        self._wake.set()

    def resume(self) -> None:
        """What the account was stopped for is over."""
        self._halted = False

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._queue

    async def run(self) -> None:
        """Send until cancelled. An error nobody foresaw ends it; run again, it goes on, after a while with what failed."""
        try:
            while True:
                item = self._next()
                if item is None:
                    await self._rest()
                else:
                    await self._turn(item)
        finally:
            await self._late.stop()

    async def _turn(self, item: _Item) -> None:
        done: _Done | None = None
        try:
            done = await self._send(item)
        finally:
            if done is None:
                item.due_ms = self._again_ms(item)
            else:
                self._queue.remove(item)
        if done is not None:
            self._tell(done)
            self.on_done()

    def _tell(self, done: _Done) -> None:
        for event in done.events:
            self._on_event(event)

    def _again_ms(self, item: _Item) -> int:
        """When it is tried again: at the latest at the moment from which a denial can be believed."""
        now_ms = self.clock.now_ms()
        again_ms = now_ms + int(item.backoff.next_s() * 1_000)
        sure_ms = 0 if item.unknown_ms is None else item.unknown_ms + ABSENT_AFTER_MS
        return min(again_ms, sure_ms) if sure_ms > now_ms else again_ms

    # ---- whose turn it is

    def _next(self) -> _Item | None:
        """The first that is due and has nothing of its market before it; after an entry made way, entries come last."""
        now_ms, waiting = self.clock.now_ms(), set[MarketId]()
        for item in self._in_turn():
            if item.market not in waiting and (item.due_ms <= now_ms or not self._still(item)):
                return item
            waiting.add(item.market)
        return None

    def _in_turn(self) -> list[_Item]:
        if self._entries_last and all(map(_Item.enters_anew, self._queue)):
            self._entries_last = False
        return sorted(self._queue, key=_Item.enters_anew) if self._entries_last else self._queue

    async def _rest(self) -> None:
        """Until something is put, or due."""
        heads = dict[MarketId, int]()
        for item in self._in_turn():
            heads.setdefault(item.market, item.due_ms)
        if not heads:
            self._wake.clear()
            await self._wake.wait()
            return
        wait_s = (min(heads.values()) - self.clock.now_ms()) / 1_000
        due = asyncio.ensure_future(self.clock.sleep(wait_s))
        try:
            await self._woken_or(due)
        finally:
            due.cancel()

    async def _woken_or(self, other: asyncio.Future[Any]) -> None:
        """Until something is put, or the other is done."""
        self._wake.clear()
        other.add_done_callback(self._wakes)
        try:
            await self._wake.wait()
        finally:
            other.remove_done_callback(self._wakes)

    def _wakes(self, done: asyncio.Future[Any]) -> None:
        self._wake.set()

    def _still(self, item: _Item) -> bool:
        return self.wanted(item.command)

    def _not_now(self, request: OrderRequest) -> OrderRejected | None:
        """Why an order must not go out, as the answer to it."""
        if self.too_old(request):
            return reconcile.aged_out(request, self.clock.now_ms())
        reason = (Denial.STOPPED if self._halted else self.may_enter(request)) if request.adds_risk else ""
        if not reason:
            return None
        return OrderRejected(time_ms=self.clock.now_ms(), client_order_id=request.client_order_id, reason=reason)

    # ---- one try: None means that there will be another

    async def _send(self, item: _Item) -> _Done | None:
        """Try; an entry that has not left yet is called back when something that reduces risk is due. Once the stream has told
        what was asked, it is done, and the answer may come when it will."""
        trying = asyncio.ensure_future(self._try(item))
        recall: asyncio.Future[None] | None = None
        if _enters(item.command):
            self._waiting = trying
            # What comes after an order that is looked up waits for it.
            first = None if item.enters_anew() else item.market
            due_ms = [each.due_ms for each in self._queue if not _enters(each.command) and each.market != first]
            recall = asyncio.ensure_future(self._call_back_at(min(due_ms))) if due_ms else None
        late = False
        try:
            while not trying.done():
                await self._woken_or(trying)
                if not trying.done() and not self._still(item):
                    late = self._waiting is not trying
                    if late:
                        self._late.start("late answer", self._hear(trying), lambda name, error: None)
                    return _Done()
        finally:
            self._waiting = None
            if recall is not None:
                recall.cancel()
            if not late and not trying.done():
                trying.cancel()
                await asyncio.wait([trying])
        return None if trying.cancelled() else trying.result()

    async def _hear(self, trying: asyncio.Future[_Done | None]) -> None:
        """Pass on an answer that is no news any more. What breaks is logged and stops nobody: the outcome is known."""
        done = await trying
        if done is not None:
            self._tell(done)

    def _call_back(self) -> None:
        if self._waiting is not None:
            self._entries_last = True
            self._waiting.cancel()

    async def _call_back_at(self, due_ms: int) -> None:
        await self.clock.sleep((due_ms - self.clock.now_ms()) / 1_000)
        self._call_back()

    def _leaves(self, item: _Item, request: OrderRequest) -> bool:
        """Asked right before an order leaves: whether it still may. It can't be called back then."""
        may = self._still(item) and self._not_now(request) is None
        if may:
            self._waiting = None
        return may

    async def _try(self, item: _Item) -> _Done | None:
        if not self._still(item):
            return _Done()
        try:
            if isinstance(item.command, Cancel):
                return _Done(await self._gateway.cancel(item.command))
            if item.unknown_ms is not None:
                return await self._look_up(item, item.command, item.unknown_ms)
            return await self._submit(item, item.command)
        except (NotPlaced, OutcomeUnknown, StillStarting):
            # Cancelling twice is harmless: the second one finds nothing. Limits can't be asked before an account is up.
            return None
        except KeyRefused as error:
            self._fail(error)
            return None

    async def _submit(self, item: _Item, command: Submit) -> _Done | None:
        request = command.order.request
        refused = self._not_now(request)
        if refused is not None:
            return _Done([refused])

        def leaves() -> bool:
            return self._leaves(item, request)

        try:
            if command.target is None:
                answers: Sequence[Event] = [await self._gateway.submit(command.order, leaves)]
            else:
                answers = await self._gateway.submit_pair(command.order, command.target, leaves)
        except OutcomeUnknown:
            # Looked up at once. A venue that goes on answering nothing is asked ever more slowly; an entry ages meanwhile.
            item.unknown_ms, item.unknown = self.clock.now_ms(), item.unknown + 1
            if item.unknown < UNKNOWN_MAX:
                item.backoff.reset()
            return None
        if isinstance(answers[0], OrderRejected):
            self.on_rejected(request, answers[0].reason)
        return _Done(answers)

    async def _look_up(self, item: _Item, command: Submit, unknown_ms: int) -> _Done | None:
        """The venue's word on an order; one that is absent for sure goes out, under its name. Of a pair it has both or
        none."""
        asked_ms = self.clock.now_ms()
        found = [await self._gateway.look_up(order.request) for order in command.orders]
        if any(order is not None for order in found):
            return _Done([reconcile.answer(order) for order in found if order is not None])
        if asked_ms < unknown_ms + ABSENT_AFTER_MS:
            return None
        item.unknown_ms = None
        return await self._submit(item, command) if self._still(item) else _Done()

    def _fail(self, error: KeyRefused) -> None:
        """Nothing that adds risk goes out any more; what protects is tried on, ever more slowly."""
        if not self._halted:
            log.error("the key is refused: only what protects is sent from now on", error=str(error))
        self.halt()
        self.on_failed(error)

    def now_ms(self) -> int:
        """The time on the sender's clock."""
        return self.clock.now_ms()

    def too_old(self, request: OrderRequest) -> bool:
        """Whether an entry's time has passed; what reduces risk is never too old."""
        return reconcile.too_old(request, self.clock.now_ms(), self._entry_age_ms)


def command_name(command: Sendable) -> ClientOrderId:
    """The order a command is about."""
    return command.client_order_id if isinstance(command, Cancel) else command.order.request.client_order_id


def _names(command: Sendable) -> tuple[ClientOrderId, ...]:
    """The orders it is about; of a pair both."""
    if isinstance(command, Cancel):
        return (command.client_order_id,)
    return tuple(order.request.client_order_id for order in command.orders)


def _enters(command: Sendable) -> bool:
    return isinstance(command, Submit) and command.order.request.adds_risk
