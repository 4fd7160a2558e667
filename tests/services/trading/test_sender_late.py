"""Answers that hang while the stream tells all: what comes next goes out, the answer may come when it will."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

from tests.nouns import BTC, ETH, MINUTE_MS
from tests.services.trading.test_sender import STOP, SlowLeave, Wire, named, submit, until
from tradepool.domain.command import Cancel, Submit
from tradepool.domain.event import Event, OrderAccepted
from tradepool.domain.ids import ClientOrderId
from tradepool.domain.order import ApprovedOrder
from tradepool.ports.exchange import OutcomeUnknown, Still
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading.sender import Sender, command_name

T = TypeVar("T")


class Hangs(Wire):
    """Carries each request out; the answer to the first one comes when it is let go, if ever, and may be an error."""

    def __init__(self) -> None:
        super().__init__()
        self.answer, self.given_up = asyncio.Event(), False
        self.error: Exception | None = None

    async def submit(self, order: ApprovedOrder, still: Still) -> Event:
        still()
        return await self._late(await super().submit(order, still))

    async def cancel(self, command: Cancel) -> Sequence[Event]:
        return await self._late(await super().cancel(command))

    async def _late(self, answer: T) -> T:
        if len(self.asked) == 1:
            try:
                await self.answer.wait()
            except asyncio.CancelledError:
                self.given_up = True
                raise
            if self.error is not None:
                raise self.error
        return answer


class Desk:
    """A sender at work, and an account that has heard some answers by its stream."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.clock = wire, VirtualClock(MINUTE_MS)
        self.events, self.told, self.failed = list[Event](), set[ClientOrderId](), list[Exception]()
        self.sender = Sender(wire, self.clock, MINUTE_MS, self.events.append)  # type: ignore[arg-type]
        self.sender.wanted = lambda command: command_name(command) not in self.told
        self.sender.on_failed = self.failed.append
        self.task = asyncio.create_task(self.sender.run())

    def tell(self, number: int, *commands: Submit | Cancel) -> None:
        """The stream tells of an order, and the account wants this because of it."""
        self.told.add(named(number))
        self.sender.put(commands)

    async def until(self, done: Callable[[], bool]) -> None:
        """Let it work."""
        await until(done, self.clock)


def play(story: Callable[[Desk], Awaitable[None]], wire: Callable[[], Wire] = Hangs) -> None:
    async def tell() -> None:
        desk = Desk(wire())
        await story(desk)
        desk.task.cancel()
        await asyncio.wait([desk.task])

    asyncio.run(tell())


@pytest.mark.parametrize("first", [submit(1), Cancel(named(1), BTC.id)])
def test_what_the_stream_has_told_is_not_waited_for(first: Submit | Cancel) -> None:
    """An entry that has filled gets its stop, and a stop that is gone a new one, while the answer hangs."""

    async def story(desk: Desk) -> None:
        desk.sender.put([first])
        await desk.until(lambda: len(desk.wire.asked) == 1)
        desk.tell(1, submit(2, **STOP))
        await desk.until(lambda: desk.sender.idle)
        assert named(2) in desk.wire.taken
        assert [type(event) for event in desk.events] == [OrderAccepted]
        assert isinstance(desk.wire, Hangs)
        desk.wire.answer.set()
        await desk.until(lambda: len(desk.events) == 2)
        assert len(desk.wire.asked) == 2

    play(story)


def test_what_waited_behind_it_goes_out_though_nothing_new_is_wanted() -> None:
    """The account of another market has its stop queued by then."""

    async def story(desk: Desk) -> None:
        desk.sender.put([Cancel(named(1), ETH.id), submit(2, **STOP)])
        await desk.until(lambda: len(desk.wire.asked) == 1)
        desk.tell(1)
        await desk.until(lambda: desk.sender.idle)
        assert desk.wire.taken == [named(2)]

    play(story)


def test_what_the_stream_has_not_told_is_waited_for() -> None:
    """The next order goes out after the answer."""

    async def story(desk: Desk) -> None:
        desk.sender.put([submit(1)])
        await desk.until(lambda: len(desk.wire.asked) == 1)
        desk.sender.put([submit(2, **STOP)])
        for _ in range(20):
            await asyncio.sleep(0)
        assert desk.wire.asked == ["submit 1"]
        assert isinstance(desk.wire, Hangs)
        desk.wire.answer.set()
        await desk.until(lambda: desk.sender.idle)
        assert desk.wire.taken == [named(1), named(2)]

    play(story)


@pytest.mark.parametrize(
    "error",
    [OutcomeUnknown(venue="binance", request="order", message="it hung"), ZeroDivisionError("unforeseen")],
)
def test_a_late_failure_stops_nobody_and_sends_nothing_again(error: Exception) -> None:
    """What became of it is known; what nobody foresaw is in the log."""

    async def story(desk: Desk) -> None:
        assert isinstance(desk.wire, Hangs)
        desk.wire.error = error
        desk.sender.put([submit(1)])
        await desk.until(lambda: len(desk.wire.asked) == 1)
        desk.tell(1, submit(2, **STOP))
        await desk.until(lambda: desk.sender.idle)
        desk.wire.answer.set()
        desk.sender.put([submit(3, **STOP)])
        await desk.until(lambda: desk.sender.idle)
        for _ in range(20):
            await asyncio.sleep(0)
        assert desk.wire.taken == [named(1), named(2), named(3)]
        assert (desk.task.done(), desk.failed) == (False, [])

    play(story)


def test_a_sender_that_ends_leaves_nothing_behind() -> None:
    async def story(desk: Desk) -> None:
        desk.sender.put([submit(1)])
        await desk.until(lambda: len(desk.wire.asked) == 1)
        desk.tell(1)
        await desk.until(lambda: desk.sender.idle)
        desk.task.cancel()
        await asyncio.wait([desk.task])
        assert isinstance(desk.wire, Hangs)
        assert desk.wire.given_up

    play(story)


def test_an_entry_that_waits_for_leave_and_is_not_wanted_any_more_never_leaves() -> None:
    """It is called back for good."""

    async def story(desk: Desk) -> None:
        desk.sender.put([submit(1)])
        await desk.until(lambda: desk.wire.asked == ["wait 1"])
        desk.tell(1, submit(2, **STOP))
        await desk.until(lambda: desk.sender.idle)
        assert isinstance(desk.wire, SlowLeave)
        desk.wire.leave.set()
        for _ in range(20):
            await asyncio.sleep(0)
        assert desk.wire.taken == [named(2)]

    play(story, SlowLeave)
