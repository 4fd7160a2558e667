"""A replay's clock wakes sleepers in order and never goes back."""

from __future__ import annotations

import asyncio

import pytest

from tradepool.ports.clock import Clock
from tradepool.runtime.clock import RealClock, TimeRunsBackwards, VirtualClock


def test_both_clocks_fit_the_port() -> None:
    clocks: list[Clock] = [RealClock(), VirtualClock()]
    assert clocks[0].now_ms() > clocks[1].now_ms()


def test_sleepers_wake_in_the_order_of_their_time() -> None:
    woken: list[str] = []

    async def nap(clock: VirtualClock, name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    async def scene() -> None:
        clock = VirtualClock(0)
        naps = [asyncio.create_task(nap(clock, n, s)) for n, s in (("late", 2), ("soon", 1), ("soon too", 1))]
        await asyncio.sleep(0)
        assert clock.next_wake_ms() == 1000
        clock.advance_to(999)
        await asyncio.sleep(0)
        assert woken == []
        clock.advance_to(5000)
        await asyncio.gather(*naps)

    asyncio.run(scene())
    assert woken == ["soon", "soon too", "late"]


def test_a_part_of_a_millisecond_wakes_late_and_never_early() -> None:
    async def scene() -> int | None:
        clock = VirtualClock(10)
        nap = asyncio.create_task(clock.sleep(0.0015))
        await asyncio.sleep(0)
        due = clock.next_wake_ms()
        nap.cancel()
        await asyncio.wait([nap])
        assert clock.next_wake_ms() is None
        return due

    assert asyncio.run(scene()) == 12


def test_time_never_goes_back() -> None:
    clock = VirtualClock(5)
    clock.advance_to(5)
    with pytest.raises(TimeRunsBackwards, match="stands at 5 ms and cannot go back to 4 ms"):
        clock.advance_to(4)


def test_a_machine_that_sets_its_clock_back_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = RealClock()
    now_ms = clock.now_ms()
    monkeypatch.setattr("time.time_ns", lambda: (now_ms - 60_000) * 1_000_000)
    assert clock.now_ms() == now_ms
