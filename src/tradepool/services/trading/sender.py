"""Sends one account's commands, one after the other, and brings the answers back as events.

An order whose outcome is unknown is looked up by its client id before anything else is sent for this account. Before
each try the account is asked whether it still waits: its stream may have told the answer meanwhile.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable

from tradepool.core.account import reconcile
from tradepool.domain.command import Cancel, Submit
from tradepool.domain.event import Event, OrderRejected
from tradepool.domain.ids import ClientOrderId
from tradepool.domain.order import Order, OrderRequest, OrderStatus, Purpose
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import AccountGateway, NotPlaced, OutcomeUnknown
from tradepool.services.backoff import Backoff

LOOK_UPS_BEFORE_ABSENT = 3
UNKNOWN_MAX = 5

Sendable = Submit | Cancel


class Sender:
    """A queue in client-order-id order before a gateway; cancels of an order go before younger orders.

    `wanted` is set by the account's owner: whether the account still waits for a command's answer. `may_enter` is asked
    before an entry goes out: "" or why it may not now, which is the reason it is rejected for. `on_rejected` hears what
    the venue refused, and why; `on_done` that a command has left the queue, answered or not.
    """

    def __init__(
        self, gateway: AccountGateway, clock: Clock, entry_age_ms: int, on_event: Callable[[Event], None]
    ) -> None:
        """`entry_age_ms` is how old an entry may be when it is sent; older ones are rejected as aged out."""
        self.wanted: Callable[[Sendable], bool] = lambda command: True
        self.may_enter: Callable[[OrderRequest], str] = lambda request: ""
        self.on_rejected: Callable[[OrderRequest, str], None] = lambda request, reason: None
        self.on_done: Callable[[], None] = lambda: None
        self.clock = clock
        self._gateway = gateway
        self._entry_age_ms = entry_age_ms
        self._on_event = on_event
        self._queue: list[tuple[ClientOrderId, int, Sendable]] = []
        self._count = 0
        self._halted = False
        self._wake = asyncio.Event()

    def put(self, commands: Iterable[Sendable]) -> None:
        """Queue commands; they go out once `run` runs."""
        for command in commands:
            if not self._halted or _protects(command):
                self._count += 1
                heapq.heappush(self._queue, (command_name(command), self._count, command))
        if self._queue:
            self._wake.set()

    def holds(self, kind: type[Sendable], name: ClientOrderId) -> bool:
        """Whether a command of this kind for this order is on its way: its answer will come from here."""
        return any(each == name and isinstance(command, kind) for each, _, command in self._queue)

    def halt(self) -> None:
        """The account is stopped: only what protects a position goes out from now on, no entry and no cancel."""
        self._halted = True
        self._queue = [item for item in self._queue if _protects(item[2])]
        heapq.heapify(self._queue)

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._queue

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._wake.wait()
            while self._queue:
                command = self._queue[0][2]
                event = await (self._cancel(command) if isinstance(command, Cancel) else self._submit(command))
                self._queue = [item for item in self._queue if item[2] is not command]
                heapq.heapify(self._queue)
                if event is not None:
                    self._on_event(event)
                self.on_done()
            self._wake.clear()

    def _still(self, command: Sendable) -> bool:
        return (not self._halted or _protects(command)) and self.wanted(command)

    async def _cancel(self, command: Cancel) -> Event | None:
        backoff = Backoff(self.clock)
        while self._still(command):
            try:
                return await self._gateway.cancel(command)
            except (NotPlaced, OutcomeUnknown):
                # Cancelling twice is harmless: the second one finds nothing.
                await backoff.wait()
        return None

    async def _submit(self, command: Submit) -> Event | None:
        """The answer; None when the stream tells it. An order that vanishes UNKNOWN_MAX times is raised, not repeated."""
        request, backoff, unknown = command.order.request, Backoff(self.clock), 0
        while self._still(command):
            if self.too_old(request):
                return reconcile.aged_out(request, self.clock.now_ms())
            if request.purpose is Purpose.ENTRY and (reason := self.may_enter(request)):
                name = request.client_order_id
                return OrderRejected(time_ms=self.clock.now_ms(), client_order_id=name, reason=reason)
            try:
                answer = await self._gateway.submit(command.order)
                if isinstance(answer, OrderRejected):
                    self.on_rejected(request, answer.reason)
                return answer
            except NotPlaced:
                await backoff.wait()
            except OutcomeUnknown:
                found = await self._find(command)
                if found is not None:
                    return answer_of(found)
                unknown += 1
                if unknown == UNKNOWN_MAX:
                    raise
        return None

    async def _find(self, command: Submit) -> Order | None:
        """Look an order up until the venue shows it, or has denied it often enough to be believed."""
        denied, backoff = 0, Backoff(self.clock)
        while denied < LOOK_UPS_BEFORE_ABSENT and self._still(command):
            await backoff.wait()
            try:
                found = await self._gateway.look_up(command.order.request)
            except (NotPlaced, OutcomeUnknown):
                continue
            if found is not None:
                return found
            denied += 1
        return None

    def now_ms(self) -> int:
        """The time on the sender's clock."""
        return self.clock.now_ms()

    def too_old(self, request: OrderRequest) -> bool:
        """Whether an entry's time has passed; what reduces risk is never too old."""
        return reconcile.too_old(request, self.clock.now_ms(), self._entry_age_ms)


def command_name(command: Sendable) -> ClientOrderId:
    """The order a command is about."""
    return command.client_order_id if isinstance(command, Cancel) else command.order.request.client_order_id


def _protects(command: Sendable) -> bool:
    return isinstance(command, Submit) and command.order.request.purpose is not Purpose.ENTRY


def answer_of(order: Order) -> Event | None:
    """What a look-up says about an intent; None where fills must be booked first: they, and the end, come as fills do."""
    partly = order.status is OrderStatus.CANCELLED and order.filled_quantity > 0
    return None if partly else reconcile.answer(order)
