"""One task's failure is told to its owner and reaches no sibling."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from tradepool.runtime.supervise import Supervisor


async def fails(text: str) -> None:
    await asyncio.sleep(0)
    raise RuntimeError(text)


def test_the_failure_of_one_leaves_the_others_running(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[str, str]] = []
    done: list[int] = []

    async def tell(name: str, error: Exception) -> None:
        await asyncio.sleep(0)
        told.append((name, str(error)))

    async def work(number: int) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        done.append(number)

    async def scene() -> None:
        supervisor = Supervisor()
        supervisor.start("ann", fails("signature=abc"), tell)
        for number in range(3):
            supervisor.start(f"ok {number}", work(number), tell)
        await supervisor.join()

    asyncio.run(scene())
    assert told == [("ann", "signature=abc")]
    assert done == [0, 1, 2]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "task failed" in printed.err
    assert "signature=abc" not in printed.err


def test_a_broken_handler_is_caught_too(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(name: str, error: Exception) -> None:
        raise KeyError(name) from error

    async def scene() -> bool:
        supervisor = Supervisor()
        supervisor.start("ann", fails("boom"), broken)
        await supervisor.join()
        return True

    assert asyncio.run(scene())
    assert "on_failure failed too" in capsys.readouterr().err


def test_stop_cancels_and_reports_nothing() -> None:
    told: list[str] = []

    async def scene() -> None:
        supervisor = Supervisor()
        task = supervisor.start("ann", asyncio.sleep(3600), lambda name, error: told.append(name))
        await asyncio.sleep(0)
        await supervisor.stop()
        assert task.cancelled()

    asyncio.run(scene())
    assert told == []


def test_who_is_stopped_before_the_first_step_leaves_nothing_open() -> None:
    """A coroutine that nobody awaits warns wherever it happens to be collected: in the middle of another account's work."""
    work = fails("never begun")

    async def scene() -> None:
        supervisor = Supervisor()
        supervisor.start("ann", work, lambda name, error: None)
        await supervisor.stop()

    asyncio.run(scene())
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED
