"""The sender against a gateway whose wire fails: an unknown order is looked up before anything else is done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from tests.nouns import BTC, MINUTE_MS, request
from tradepool.core.risk.review import review
from tradepool.domain.command import Cancel, Submit
from tradepool.domain.event import Event, OrderAccepted, OrderCancelled, OrderRejected
from tradepool.domain.ids import ClientOrderId, VenueOrderId, client_order_id
from tradepool.domain.order import ApprovedOrder, Order, OrderRequest, OrderStatus, OrderType, Purpose, Side
from tradepool.ports.exchange import NotPlaced, OutcomeUnknown
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading.sender import Sender

UNKNOWN = OutcomeUnknown(venue="binance", request="order", message="it hung")
NOT_PLACED = NotPlaced(venue="binance", request="order", message="too fast")


class Wire:
    """A gateway that fails as told, in order, and remembers what it took and what it was asked."""

    def __init__(self, *failures: Exception | None, takes_before_failing: bool = False) -> None:
        self.failures = list(failures)
        self.takes_before_failing = takes_before_failing
        self.taken: list[str] = []
        self.asked: list[str] = []

    async def submit(self, order: ApprovedOrder) -> Event:
        name = order.request.client_order_id
        self.asked.append(f"submit {name[-1]}")
        failure = self.failures.pop(0) if self.failures else None
        if failure is None or self.takes_before_failing:
            self.taken.append(name)
        if failure is not None:
            raise failure
        return OrderAccepted(time_ms=MINUTE_MS, client_order_id=name, venue_order_id=VenueOrderId("1"))

    async def cancel(self, command: Cancel) -> Event | None:
        self.asked.append(f"cancel {command.client_order_id[-1]}")
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return OrderCancelled(time_ms=MINUTE_MS, client_order_id=command.client_order_id)

    async def look_up(self, request: OrderRequest) -> Order | None:
        self.asked.append(f"look up {request.client_order_id[-1]}")
        if request.client_order_id not in self.taken:
            return None
        return Order(
            client_order_id=request.client_order_id,
            venue_order_id=VenueOrderId("1"),
            market=BTC.id,
            status=OrderStatus.ACCEPTED,
            filled_quantity=Decimal(0),
            time_ms=MINUTE_MS,
            updated_ms=MINUTE_MS,
        )


def named(number: int) -> ClientOrderId:
    """The name of the n-th order."""
    return client_order_id(1, number)


def submit(number: int, **changes: object) -> Submit:
    """An approved order with this number."""
    verdict = review(request(client_order_id=named(number), **changes), BTC, held_steps=10_000, spendable_units=1)
    assert isinstance(verdict, ApprovedOrder)
    return Submit(verdict)


STOP = {"side": Side.SELL, "type": OrderType.STOP_LOSS, "stop_price": Decimal(95), "purpose": Purpose.STOP}


def send(wire: Wire, *commands: Submit | Cancel) -> list[Event]:
    """Send all, jumping from one waiting time to the next."""

    async def story() -> list[Event]:
        clock, events = VirtualClock(MINUTE_MS), list[Event]()
        sender = Sender(wire, clock, MINUTE_MS, events.append)  # type: ignore[arg-type]
        sender.put(commands)
        task = asyncio.create_task(sender.run())
        await until(lambda: sender.idle, clock)
        task.cancel()
        return events

    return asyncio.run(story())


async def until(done: Callable[[], bool], clock: VirtualClock) -> None:
    """Let the loop run; whenever it only waits, move the clock."""
    for _ in range(1_000):
        if done():
            return
        for _ in range(5):
            await asyncio.sleep(0)
        wake = clock.next_wake_ms()
        if wake is not None:
            clock.advance_to(wake)
    raise AssertionError("it never ended")


def test_commands_go_out_in_the_order_of_their_names() -> None:
    """A cancel of an older order goes before a younger order."""
    wire = Wire()
    send(wire, submit(3), submit(2), Cancel(named(1), BTC.id))
    assert wire.asked == ["cancel 1", "submit 2", "submit 3"]


def test_an_unknown_order_that_was_taken_is_not_sent_again() -> None:
    """It is found by its name."""
    wire = Wire(UNKNOWN, takes_before_failing=True)
    (event,) = send(wire, submit(1))
    assert wire.asked == ["submit 1", "look up 1"]
    assert isinstance(event, OrderAccepted)


def test_an_unknown_stop_that_was_not_taken_is_sent_again_under_its_name() -> None:
    """Only after the venue has denied it three times: one denial right after a create proves nothing."""
    wire = Wire(UNKNOWN)
    (event,) = send(wire, submit(1, **STOP))
    assert wire.asked == ["submit 1", "look up 1", "look up 1", "look up 1", "submit 1"]
    assert isinstance(event, OrderAccepted)
    assert wire.taken == [named(1)]


def test_an_entry_ages_out_instead_of_being_sent_late() -> None:
    """A stop is sent however late."""
    storm = [NOT_PLACED] * 9
    (event,) = send(Wire(*storm), submit(1))
    assert isinstance(event, OrderRejected)
    assert event.reason == "aged_out"
    wire = Wire(*storm)
    (late,) = send(wire, submit(1, **STOP))
    assert isinstance(late, OrderAccepted)
    assert len(wire.asked) == len(storm) + 1


def test_a_cancel_is_repeated_until_it_is_answered() -> None:
    """Twice is harmless."""
    wire = Wire(UNKNOWN, NOT_PLACED)
    (event,) = send(wire, Cancel(named(1), BTC.id))
    assert wire.asked == ["cancel 1"] * 3
    assert isinstance(event, OrderCancelled)
