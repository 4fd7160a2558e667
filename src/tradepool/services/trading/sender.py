"""Sends one account's commands, one after the other, and brings the answers back as events.

An order whose outcome is unknown is looked up by its client id before anything else is sent for this account.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable

from tradepool.domain.command import Cancel, Submit
from tradepool.domain.event import Event, OrderAccepted, OrderCancelled, OrderRejected
from tradepool.domain.ids import ClientOrderId
from tradepool.domain.order import ApprovedOrder, Order, OrderRequest, OrderStatus, Purpose
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import AccountGateway, NotPlaced, OutcomeUnknown

RETRY_FIRST_S = 0.5
RETRY_MAX_S = 60.0
LOOK_UPS_BEFORE_ABSENT = 3
AGED_OUT = "aged_out"


class Sender:
    """A queue in client-order-id order before a gateway; cancels of an order go before younger orders."""

    def __init__(
        self, gateway: AccountGateway, clock: Clock, entry_age_ms: int, on_event: Callable[[Event], None]
    ) -> None:
        """`entry_age_ms` is how old an entry may be when it is sent; older ones are rejected as aged out."""
        self._gateway = gateway
        self._clock = clock
        self._entry_age_ms = entry_age_ms
        self._on_event = on_event
        self._queue: list[tuple[ClientOrderId, int, Submit | Cancel]] = []
        self._count = 0
        self._wake = asyncio.Event()

    def put(self, commands: Iterable[Submit | Cancel]) -> None:
        """Queue commands; they go out once `run` runs."""
        for command in commands:
            self._count += 1
            name = command.client_order_id if isinstance(command, Cancel) else command.order.request.client_order_id
            heapq.heappush(self._queue, (name, self._count, command))
        if self._queue:
            self._wake.set()

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._queue

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._wake.wait()
            while self._queue:
                _, _, command = self._queue[0]
                event = await (self._cancel(command) if isinstance(command, Cancel) else self._submit(command.order))
                self._queue = [item for item in self._queue if item[2] is not command]
                heapq.heapify(self._queue)
                if event is not None:
                    self._on_event(event)
            self._wake.clear()

    async def _cancel(self, command: Cancel) -> Event | None:
        wait_s = RETRY_FIRST_S
        while True:
            try:
                return await self._gateway.cancel(command)
            except (NotPlaced, OutcomeUnknown):
                # Cancelling twice is harmless: the second one finds nothing.
                await self._clock.sleep(wait_s)
                wait_s = min(2 * wait_s, RETRY_MAX_S)

    async def _submit(self, order: ApprovedOrder) -> Event | None:
        request, wait_s = order.request, RETRY_FIRST_S
        while not self.too_old(request):
            try:
                return await self._gateway.submit(order)
            except NotPlaced:
                await self._clock.sleep(wait_s)
                wait_s = min(2 * wait_s, RETRY_MAX_S)
            except OutcomeUnknown:
                found = await self._find(request)
                if found is not None:
                    return answer_of(found)
        return OrderRejected(time_ms=self._clock.now_ms(), client_order_id=request.client_order_id, reason=AGED_OUT)

    async def _find(self, request: OrderRequest) -> Order | None:
        """Look an order up until the venue shows it, or has denied it often enough to be believed."""
        denied, wait_s = 0, RETRY_FIRST_S
        while denied < LOOK_UPS_BEFORE_ABSENT:
            await self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, RETRY_MAX_S)
            try:
                found = await self._gateway.look_up(request)
            except (NotPlaced, OutcomeUnknown):
                continue
            if found is not None:
                return found
            denied += 1
        return None

    def now_ms(self) -> int:
        """The time on the sender's clock."""
        return self._clock.now_ms()

    def too_old(self, request: OrderRequest) -> bool:
        """Whether an entry's time has passed; what reduces risk is never too old."""
        age_ms = self._clock.now_ms() - request.time_ms
        return request.purpose is Purpose.ENTRY and age_ms >= self._entry_age_ms


def answer_of(order: Order) -> Event | None:
    """What a look-up says about an intent; None for a filled order, whose fills say it."""
    match order.status:
        case OrderStatus.CANCELLED:
            return OrderCancelled(time_ms=order.updated_ms, client_order_id=order.client_order_id)
        case OrderStatus.REJECTED:
            return OrderRejected(
                time_ms=order.updated_ms, client_order_id=order.client_order_id, reason="venue_rejected"
            )
        case OrderStatus.ACCEPTED:
            return OrderAccepted(
                time_ms=order.time_ms, client_order_id=order.client_order_id, venue_order_id=order.venue_order_id
            )
    return None
