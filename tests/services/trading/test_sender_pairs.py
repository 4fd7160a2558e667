"""A stop and a target on their way as one: two answers, two look-ups, one request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from tests.nouns import MINUTE_MS
from tests.services.trading.test_sender import STOP, UNKNOWN, Wire, named, send, submit, until
from tradepool.domain.command import Cancel, Submit
from tradepool.domain.event import Event, OrderAccepted, OrderRejected
from tradepool.domain.order import ApprovedOrder, OrderType, Purpose, Side
from tradepool.ports.exchange import Still
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading.sender import Sender

TARGET = {"side": Side.SELL, "type": OrderType.LIMIT, "price": Decimal(105), "purpose": Purpose.TARGET}


class PairWire(Wire):
    """Takes both orders of a pair, or says why neither; fails as told."""

    refuses = ""

    async def submit_pair(self, stop: ApprovedOrder, target: ApprovedOrder, still: Still) -> Sequence[Event]:
        names = [stop.request.client_order_id, target.request.client_order_id]
        if self.refuses:
            return [OrderRejected(time_ms=MINUTE_MS, client_order_id=name, reason=self.refuses) for name in names]
        first = await self.submit(stop, still)
        self.taken.append(names[1])
        return [first, await_second(names[1], first)]


def await_second(name: str, first: Event) -> Event:
    """The other answer of the same request."""
    assert isinstance(first, OrderAccepted)
    return OrderAccepted(
        time_ms=first.time_ms, client_order_id=named(int(name[-1])), venue_order_id=first.venue_order_id
    )


def pair(number: int) -> Submit:
    """A stop of this number and a target of the next one."""
    return Submit(submit(number, **STOP).order, submit(number + 1, **TARGET).order)


def names_of(events: Sequence[Event]) -> list[str]:
    return [event.client_order_id for event in events if isinstance(event, OrderAccepted | OrderRejected)]


def test_both_are_answered() -> None:
    assert names_of(send(PairWire(), pair(1))) == [named(1), named(2)]


def test_both_are_refused() -> None:
    wire = PairWire()
    wire.refuses = "would_trigger"
    assert names_of(send(wire, pair(1))) == [named(1), named(2)]


def test_an_unknown_pair_is_looked_up_by_both_names() -> None:
    class Taken(PairWire):
        async def submit_pair(self, stop: ApprovedOrder, target: ApprovedOrder, still: Still) -> Sequence[Event]:
            self.asked.append("pair")
            self.taken = [stop.request.client_order_id, target.request.client_order_id]
            raise UNKNOWN

    wire = Taken()
    assert names_of(send(wire, pair(1))) == [named(1), named(2)]
    assert wire.asked == ["pair", "look up 1", "look up 2"]


def test_an_unknown_pair_that_was_not_taken_is_sent_again_under_its_names() -> None:
    wire = PairWire(UNKNOWN)
    assert names_of(send(wire, pair(1))) == [named(1), named(2)]
    assert wire.asked == ["submit 1", *["look up 1", "look up 2"] * 8, "submit 1"]


def test_what_is_on_its_way_is_held_by_both_names() -> None:
    sender = Sender(PairWire(), VirtualClock(MINUTE_MS), MINUTE_MS, lambda event: None)  # type: ignore[arg-type]
    sender.put([pair(1)])
    assert [sender.holds(Submit, named(number)) for number in (1, 2, 3)] == [True, True, False]
    assert not sender.holds(Cancel, named(2))


def test_a_pair_goes_out_after_a_halt() -> None:
    """It protects."""

    async def story() -> None:
        clock, wire = VirtualClock(MINUTE_MS), PairWire()
        sender = Sender(wire, clock, MINUTE_MS, lambda event: None)  # type: ignore[arg-type]
        sender.halt()
        sender.put([submit(3), pair(1)])
        task = asyncio.create_task(sender.run())
        await until(lambda: sender.idle, clock)
        task.cancel()
        assert wire.taken == [named(1), named(2)]

    asyncio.run(story())
