"""The sender against a gateway whose wire fails: an unknown order is looked up before anything else is done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from tests.nouns import BTC, ETH, MINUTE_MS, request
from tradepool.core.risk.review import review
from tradepool.domain.command import Cancel, Submit
from tradepool.domain.denial import Denial
from tradepool.domain.errors import KeyRefused
from tradepool.domain.event import Event, OrderAccepted, OrderCancelled, OrderRejected
from tradepool.domain.ids import ClientOrderId, VenueOrderId, client_order_id
from tradepool.domain.order import ApprovedOrder, Order, OrderRequest, OrderStatus, OrderType, Purpose, Side
from tradepool.ports.exchange import RECV_WINDOW_MS, NotPlaced, OutcomeUnknown, Still
from tradepool.runtime.clock import VirtualClock
from tradepool.runtime.supervise import Supervisor
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

    async def submit(self, order: ApprovedOrder, still: Still) -> Event:
        name = order.request.client_order_id
        self.asked.append(f"submit {name[-1]}")
        failure = self.failures.pop(0) if self.failures else None
        if failure is None or self.takes_before_failing:
            self.taken.append(name)
        if failure is not None:
            raise failure
        return OrderAccepted(time_ms=MINUTE_MS, client_order_id=name, venue_order_id=VenueOrderId("1"))

    async def cancel(self, command: Cancel) -> Sequence[Event]:
        self.asked.append(f"cancel {command.client_order_id[-1]}")
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return [OrderCancelled(time_ms=MINUTE_MS, client_order_id=command.client_order_id)]

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
    """Only when no request for it can be carried out any more: until then a denial proves nothing."""
    wire = Wire(UNKNOWN)
    (event,) = send(wire, submit(1, **STOP))
    assert wire.asked == ["submit 1", *["look up 1"] * 8, "submit 1"]
    assert isinstance(event, OrderAccepted)
    assert wire.taken == [named(1)]


def test_however_often_an_answer_is_lost_nobody_is_stopped() -> None:
    """A stop goes out in the end; an entry's time passes."""
    wire, told = Wire(*[UNKNOWN] * 8), list[Exception]()

    async def story() -> list[Event]:
        clock, events = VirtualClock(MINUTE_MS), list[Event]()
        sender = Sender(wire, clock, MINUTE_MS, events.append)  # type: ignore[arg-type]
        sender.on_failed = told.append
        sender.put([submit(1, **STOP)])
        task = asyncio.create_task(sender.run())
        await until(lambda: sender.idle, clock)
        wire.failures = [UNKNOWN] * 12
        sender.put([submit(2)])
        await until(lambda: sender.idle, clock)
        task.cancel()
        return events

    stop, entry = asyncio.run(story())
    assert isinstance(stop, OrderAccepted)
    assert isinstance(entry, OrderRejected)
    assert entry.reason == Denial.AGED_OUT
    assert (wire.taken, told) == ([named(1)], [])


def test_a_cancel_lets_the_entry_before_it_be_looked_up() -> None:
    """Of the same market: it is answered only when it is known whether there is something to cancel."""

    class Slow(Wire):
        """Answers after a turn of the loop."""

        async def look_up(self, request: OrderRequest) -> Order | None:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return await super().look_up(request)

    wire = Slow(UNKNOWN, takes_before_failing=True)
    events = send(wire, submit(1), Cancel(named(1), BTC.id))
    assert [type(event).__name__ for event in events] == ["OrderAccepted", "OrderCancelled"]


class SlowVenue(Wire):
    """Loses the connection at once and carries the request out `after_ms` later."""

    def __init__(self, clock: VirtualClock, after_ms: int) -> None:
        super().__init__()
        self.clock, self.after_ms = clock, after_ms
        self.due_ms: list[int] = []

    async def submit(self, order: ApprovedOrder, still: Still) -> Event:
        self.due_ms.append(self.clock.now_ms() + self.after_ms)
        raise UNKNOWN

    async def look_up(self, request: OrderRequest) -> Order | None:
        if self.due_ms and self.clock.now_ms() >= self.due_ms[0]:
            self.taken = [request.client_order_id]
        return await super().look_up(request)


@pytest.mark.parametrize("unsure", [False, True])
def test_a_request_that_may_still_be_carried_out_is_waited_for(unsure: bool) -> None:
    """A filled order's name is taken again: what is sent twice is bought twice. After a start (`unsure`), too."""

    async def story() -> None:
        clock = VirtualClock(MINUTE_MS)
        wire = SlowVenue(clock, RECV_WINDOW_MS)
        if unsure:
            wire.due_ms = [MINUTE_MS + RECV_WINDOW_MS]
        sender = Sender(wire, clock, MINUTE_MS, lambda event: None)  # type: ignore[arg-type]
        sender.put([submit(1)], unsure=unsure)
        task = asyncio.create_task(sender.run())
        await until(lambda: sender.idle, clock)
        task.cancel()
        assert len(wire.due_ms) == 1

    asyncio.run(story())


class DeafToCancels(Wire):
    """Answers no cancel."""

    async def cancel(self, command: Cancel) -> Sequence[Event]:
        self.asked.append(f"cancel {command.client_order_id[-1]}")
        raise UNKNOWN


def test_what_waits_for_its_next_try_lets_other_markets_pass() -> None:
    """A cancel that is never answered holds up its own market, and no other's exit."""

    async def story() -> None:
        clock, wire = VirtualClock(MINUTE_MS), DeafToCancels()
        sender = Sender(wire, clock, MINUTE_MS, lambda event: None)  # type: ignore[arg-type]
        sender.put([Cancel(named(1), ETH.id), Cancel(named(2), ETH.id), submit(3, **STOP)])
        task = asyncio.create_task(sender.run())
        await until(lambda: len(wire.asked) == 4, clock)
        sender.put([submit(4, **STOP)])
        await until(lambda: len(wire.taken) == 2, clock)
        task.cancel()
        assert wire.asked[:2] == ["cancel 1", "submit 3"]
        assert wire.taken == [named(3), named(4)]
        assert "cancel 2" not in wire.asked

    asyncio.run(story())


KEY_REFUSED = KeyRefused(venue="binance", request="order", account="a", message="-1022")


@pytest.mark.parametrize("error", [KEY_REFUSED, ZeroDivisionError("unforeseen")])
def test_after_a_failure_what_protects_is_still_sent(error: Exception) -> None:
    """The entry is not; the stop is tried again until it is taken, while the key is refused as well."""

    async def story() -> None:
        clock, told = VirtualClock(MINUTE_MS), list[Exception]()
        wire = Wire(error, error, error)
        sender, supervisor = Sender(wire, clock, MINUTE_MS, lambda event: None), Supervisor()  # type: ignore[arg-type]
        sender.on_failed = told.append

        def failed(name: str, error: Exception) -> None:
            sender.halt()
            told.append(error)
            supervisor.start(name, sender.run(), failed)

        supervisor.start("orders", sender.run(), failed)
        sender.put([submit(1)])
        await until(lambda: bool(told), clock)
        sender.put([submit(2, **STOP), submit(3)])
        await until(lambda: sender.idle, clock)
        await supervisor.stop()
        assert wire.taken == [named(2)]
        assert wire.asked == ["submit 1", "submit 2", "submit 2", "submit 2"]
        assert told == [error] * 3

    asyncio.run(story())


def test_an_order_that_may_be_there_is_looked_up_after_a_halt() -> None:
    """An entry the venue took is heard of, one it did not take is not sent again but refused, and said so."""
    for takes, kinds in ((True, ["OrderAccepted"]), (False, ["OrderRejected"])):
        wire, events = Wire(UNKNOWN, takes_before_failing=takes), list[Event]()

        async def story(wire: Wire = wire, events: list[Event] = events) -> None:
            clock = VirtualClock(MINUTE_MS)
            sender = Sender(wire, clock, MINUTE_MS, events.append)  # type: ignore[arg-type]
            sender.put([submit(1)])
            task = asyncio.create_task(sender.run())
            await until(lambda: bool(wire.asked), clock)
            sender.halt()
            await until(lambda: sender.idle, clock)
            task.cancel()

        asyncio.run(story())
        assert [type(event).__name__ for event in events] == kinds
        assert wire.asked.count("submit 1") == 1


def test_what_reduces_risk_is_told_by_its_side() -> None:
    """Somebody's own buy is stopped by the gate, by age and by a halt, as an entry is; his sell is not."""

    async def story() -> None:
        clock, events, wire = VirtualClock(MINUTE_MS), list[Event](), Wire()
        sender = Sender(wire, clock, MINUTE_MS, events.append)  # type: ignore[arg-type]
        sender.may_enter = lambda request: "clock_off"
        manual = {"purpose": Purpose.MANUAL}
        sender.put([submit(1, **manual), submit(2, side=Side.SELL, **manual)])
        task = asyncio.create_task(sender.run())
        await until(lambda: sender.idle, clock)
        sender.halt()
        sender.put([submit(3, **manual), submit(4, side=Side.SELL, **manual)])
        await until(lambda: sender.idle, clock)
        task.cancel()
        assert wire.taken == [named(2), named(4)]
        assert [event.reason for event in events if isinstance(event, OrderRejected)] == ["clock_off", "stopped"]

    asyncio.run(story())


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


class SlowLeave(Wire):
    """A broker lets entries wait for their leave until it is given; then they are asked whether they still want it."""

    def __init__(self) -> None:
        super().__init__()
        self.leave = asyncio.Event()

    async def submit(self, order: ApprovedOrder, still: Still) -> Event:
        if order.request.adds_risk:
            self.asked.append(f"wait {order.request.client_order_id[-1]}")
            await self.leave.wait()
            assert still()
        return await super().submit(order, still)


def test_an_entry_that_waits_for_leave_lets_pass_what_reduces_risk() -> None:
    """Of another market, put while it waits or due again while it waits; it goes out later, under its name."""

    async def story() -> None:
        clock, wire = VirtualClock(MINUTE_MS), SlowLeave()
        wire.failures = [NOT_PLACED]
        sender = Sender(wire, clock, MINUTE_MS, lambda event: None)  # type: ignore[arg-type]
        sender.put([submit(1), submit(2)])
        task = asyncio.create_task(sender.run())
        await until(lambda: wire.asked == ["wait 1"], clock)
        sender.put([submit(3, **STOP), Cancel(named(0), ETH.id)])
        await until(lambda: "cancel 0" in wire.asked and named(3) in wire.taken, clock)
        assert not wire.leave.is_set()
        assert named(1) not in wire.taken
        wire.leave.set()
        await until(lambda: sender.idle, clock)
        task.cancel()
        assert wire.taken == [named(3), named(1), named(2)]

    asyncio.run(story())
