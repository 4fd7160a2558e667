"""Who waits at the broker, for how long, and in what order; all on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tradepool.ports.weights import Answer, Cost, Limit, Measure, NeverFits, Priority
from tradepool.runtime.clock import VirtualClock
from tradepool.runtime.throttle import Throttle

WEIGHT = Limit(
    name="weight a minute",
    measure=Measure.WEIGHT,
    amount=100,
    length_ms=60_000,
    kept=(20, 10, 10, 10),
    header="x-mbx-used-weight-1m",
)
ORDERS = Limit(name="orders", measure=Measure.ORDERS, amount=2, length_ms=10_000, per_key=True)
Went = list[tuple[str, int]]


async def settle() -> None:
    """Let everybody run."""
    for _ in range(8):
        await asyncio.sleep(0)


class Desk:
    """A broker, its clock, and who went when."""

    def __init__(self, *limits: Limit) -> None:
        """Starts five seconds into a window."""
        self.clock = VirtualClock(5_000)
        self.broker = Throttle(limits, self.clock)
        self.went: Went = []

    async def send(self, name: str, cost: Cost, priority: Priority) -> None:
        """One request, answered at once."""
        grant = await self.broker.acquire(cost, priority)
        self.went.append((name, self.clock.now_ms()))
        self.broker.answered(grant, None)

    async def run(self, until_ms: int) -> None:
        """Move the time from waker to waker."""
        await settle()
        while (wake_ms := self.clock.next_wake_ms()) is not None and wake_ms <= until_ms:
            self.clock.advance_to(wake_ms)
            await settle()


def on_a_desk(*limits: Limit) -> Callable[[Callable[[Desk], Coroutine[Any, Any, None]]], Callable[[], None]]:
    """Run a test as a coroutine with a desk."""

    def wrap(test: Callable[[Desk], Coroutine[Any, Any, None]]) -> Callable[[], None]:
        def run() -> None:
            async def main() -> None:
                await test(Desk(*limits))

            asyncio.run(main())

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return wrap


@on_a_desk(WEIGHT)
async def test_the_more_urgent_goes_first_whenever_there_is_room(desk: Desk) -> None:
    """Asked in the wrong order, served in the right one; inside a priority in the order of asking."""
    await desk.send("full", Cost(weight=100), Priority.EXIT)
    names = ("data", "read 1", "read 2", "entry", "exit")
    kinds = (Priority.DATA, Priority.READ, Priority.READ, Priority.ENTRY, Priority.EXIT)
    tasks = [asyncio.create_task(desk.send(n, Cost(weight=5), k)) for n, k in zip(names, kinds, strict=True)]
    await desk.run(60_999)
    assert [name for name, _ in desk.went] == ["full"]
    await desk.run(61_000)
    assert [name for name, _ in desk.went[1:]] == ["exit", "entry", "read 1", "read 2", "data"]
    assert {at_ms for _, at_ms in desk.went[1:]} == {61_000}
    await asyncio.gather(*tasks)


@on_a_desk(WEIGHT)
async def test_exits_find_room_while_reads_saturate_the_window(desk: Desk) -> None:
    """A crowd of reads waits; exits pass at once, minute after minute."""
    reads = [asyncio.create_task(desk.send("read", Cost(weight=10), Priority.READ)) for _ in range(60)]
    for minute in range(5):
        await desk.run(60_000 * minute + 30_000)
        desk.clock.advance_to(60_000 * minute + 30_000)
        began_ms = desk.clock.now_ms()
        for _ in range(20):
            await desk.send("exit", Cost(), Priority.EXIT)
        assert desk.clock.now_ms() == began_ms
    assert 30 <= sum(name == "read" for name, _ in desk.went) < 60
    await desk.run(900_000)
    await asyncio.gather(*reads)


@on_a_desk(WEIGHT)
async def test_a_cancelled_waiter_leaks_nothing(desk: Desk) -> None:
    """Cancelled while waiting, or in the very moment it was let go."""
    await desk.send("full", Cost(weight=100), Priority.EXIT)
    waiting = asyncio.create_task(desk.broker.acquire(Cost(weight=90), Priority.EXIT))
    late = asyncio.create_task(desk.broker.acquire(Cost(weight=100), Priority.EXIT))
    await settle()
    waiting.cancel()
    await settle()
    assert (await desk.broker.snapshot()).waits[Priority.EXIT].waiting == 1
    desk.clock.advance_to(61_000)
    while (await desk.broker.snapshot()).waits[Priority.EXIT].waiting:  # noqa: ASYNC110  the last moment is wanted
        await asyncio.sleep(0)
    assert (await desk.broker.snapshot()).uses[0].used == 100, "it was let go and does not know it yet"
    assert late.cancel()
    await settle()
    assert (await desk.broker.snapshot()).uses[0].used == 0
    await desk.send("next", Cost(weight=100), Priority.EXIT)
    assert desk.went[-1] == ("next", 61_000)


@on_a_desk(WEIGHT, ORDERS)
async def test_who_waits_for_its_own_key_is_passed_by(desk: Desk) -> None:
    """The third order of one key waits for its window, the first of another does not; one key's stay in order."""
    work = [("a1", "a"), ("a2", "a"), ("a3", "a"), ("a4", "a"), ("b1", "b")]
    tasks = [asyncio.create_task(desk.send(n, Cost(orders=1, key=k), Priority.ENTRY)) for n, k in work]
    await desk.run(9_000)
    assert [name for name, _ in desk.went] == ["a1", "a2", "b1"]
    await desk.run(11_000)
    assert desk.went[3:] == [("a3", 11_000), ("a4", 11_000)]
    await asyncio.gather(*tasks)


@on_a_desk(WEIGHT, ORDERS)
async def test_a_keys_cancels_pass_its_own_orders(desk: Desk) -> None:
    """They count against no limit of orders; nor does what belongs to nobody wait for one."""
    work = [(n, Cost(orders=1, key="a")) for n in ("a1", "a2", "a3")]
    work += [("cancel", Cost(key="a")), ("public", Cost())]
    tasks = [asyncio.create_task(desk.send(name, cost, Priority.EXIT)) for name, cost in work]
    await settle()
    assert [name for name, _ in desk.went] == ["a1", "a2", "cancel", "public"]
    await desk.run(11_000)
    await asyncio.gather(*tasks)


@on_a_desk(WEIGHT)
async def test_room_that_the_venue_gives_back_is_used_at_once(desk: Desk) -> None:
    """Its count is below ours: who waits goes now, not with the next window."""
    first = await desk.broker.acquire(Cost(weight=100), Priority.EXIT)
    waiting = asyncio.create_task(desk.send("exit", Cost(), Priority.EXIT))
    await desk.run(20_000)
    assert not waiting.done()
    desk.broker.answered(first, Answer(200, {"X-MBX-USED-WEIGHT-1M": "60"}))
    await settle()
    assert waiting.done()


@on_a_desk(WEIGHT)
async def test_a_ban_is_waited_out_by_all_and_said_once(desk: Desk) -> None:
    """429 with Retry-After: nothing leaves before, exits included, and one line is logged."""
    grants = [await desk.broker.acquire(Cost(), Priority.READ) for _ in range(3)]
    with capture_logs() as lines:
        for grant in grants:
            desk.broker.answered(grant, Answer(429, {"Retry-After": "30"}))
    assert [line["event"] for line in lines] == ["the venue wants silence"]
    tasks = [asyncio.create_task(desk.send(p.name, Cost(), p)) for p in Priority]
    await desk.run(34_999)
    assert desk.went == []
    assert (await desk.broker.snapshot()).closed_until_ms == 35_000
    await desk.run(35_000)
    assert len(desk.went) == 4
    await asyncio.gather(*tasks)


@on_a_desk(WEIGHT)
async def test_what_never_fits_is_said_at_once(desk: Desk) -> None:
    """Also to who would have to wait behind others."""
    await desk.send("full", Cost(weight=100), Priority.EXIT)
    waiting = asyncio.create_task(desk.send("exit", Cost(), Priority.EXIT))
    await settle()
    with pytest.raises(NeverFits, match="101 weight is more than weight a minute ever lets through"):
        await desk.broker.acquire(Cost(weight=101), Priority.EXIT)
    await desk.run(61_000)
    await waiting


@on_a_desk(WEIGHT)
async def test_idle_time_is_no_debt_and_waits_are_counted(desk: Desk) -> None:
    """After an hour of nothing the whole window is there; the snapshot tells use and waits."""
    desk.clock.advance_to(3_630_000)
    for _ in range(100):
        await desk.send("exit", Cost(), Priority.EXIT)
    waiting = asyncio.create_task(desk.send("late", Cost(), Priority.EXIT))
    await settle()
    snapshot = await desk.broker.snapshot()
    assert (snapshot.uses[0].used, snapshot.uses[0].ends_ms) == (100, 3_660_000)
    assert (snapshot.waits[0].granted, snapshot.waits[0].waiting, snapshot.waits[0].below_ms(99)) == (100, 1, 1)
    await desk.run(3_661_000)
    await waiting
    assert (await desk.broker.snapshot()).waits[0].below_ms(100) == 32_768


WISHES = st.lists(
    st.tuples(st.integers(0, 3_000), st.sampled_from((1, 5, 20)), st.sampled_from(Priority), st.booleans()),
    min_size=20,
    max_size=120,
)


@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(wishes=WISHES)
def test_everybody_goes_and_nobody_before_one_more_urgent(wishes: list[tuple[int, int, Priority, bool]]) -> None:
    """Once the crowd is over all have gone (lower priorities too), in their priority's order; cancelled ones cost
    nothing."""

    async def main() -> None:
        desk = Desk(WEIGHT)
        tasks, kept = [], list[tuple[str, Priority]]()
        for n, (after_ms, weight, priority, cancels) in enumerate(wishes):
            await desk.run(desk.clock.now_ms() + after_ms)
            task = asyncio.create_task(desk.send(str(n), Cost(weight=weight), priority))
            await settle()
            if cancels and not task.done():
                task.cancel()
            else:
                kept.append((str(n), priority))
                tasks.append(task)
        await desk.run(desk.clock.now_ms() + 120_000 * len(wishes))
        await asyncio.gather(*tasks)
        went = [name for name, _ in desk.went]
        assert sorted(went) == sorted(name for name, _ in kept)
        for priority in Priority:
            mine = [name for name, p in kept if p is priority]
            assert [name for name in went if name in mine] == mine
        by_window: dict[int, int] = {}
        for name, at_ms in desk.went:
            by_window[at_ms // 60_000] = by_window.get(at_ms // 60_000, 0) + wishes[int(name)][1]
        assert max(by_window.values()) <= WEIGHT.amount

    asyncio.run(main())
