"""Lines to a venue: so many at once, the most urgent first, and nobody waits for what hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tradepool.adapters.exchanges.lines import Lines
from tradepool.ports.weights import Priority

EXIT, ENTRY, READ = Priority.EXIT, Priority.ENTRY, Priority.READ
TURNS = 10


class Crowd:
    """Requests that stay out until they are answered, and which of them have left."""

    def __init__(self, lines: Lines) -> None:
        self.left, self.lines = list[str](), lines
        self.out, self.answers = dict[str, asyncio.Event](), dict[str, asyncio.Event]()
        self.tasks = dict[str, asyncio.Task[None]]()

    async def send(self, name: str, priority: Priority = ENTRY) -> None:
        """It asks for a line; whether it has one shows in `left`."""
        self.out[name], self.answers[name] = asyncio.Event(), asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._out(name, priority))
        await turns()

    async def answer(self, name: str) -> None:
        """The venue answers it."""
        self.answers[name].set()
        await turns()

    async def cancel(self, name: str) -> None:
        """Nobody wants it any more."""
        self.tasks[name].cancel()
        await turns()

    async def _out(self, name: str, priority: Priority) -> None:
        async with self.lines.one(priority):
            self.left.append(name)
            self.out[name].set()
            await self.answers[name].wait()


async def turns() -> None:
    """Whoever can go on does."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


def told(
    story: Callable[[Crowd], Awaitable[None]], at_once: int, for_exits: int = 0, patience_s: float = 60.0
) -> list[str]:
    """Who left, in order."""

    async def main() -> list[str]:
        crowd = Crowd(Lines(at_once, for_exits, patience_s))
        await story(crowd)
        left = list(crowd.left)
        for task in crowd.tasks.values():
            task.cancel()
        await asyncio.gather(*crowd.tasks.values(), return_exceptions=True)
        return left

    return asyncio.run(main())


def test_the_most_urgent_goes_first_and_of_equals_the_first() -> None:
    async def story(crowd: Crowd) -> None:
        for name, priority in (("a", ENTRY), ("b", ENTRY), ("read", READ), ("c", ENTRY), ("d", ENTRY), ("stop", EXIT)):
            await crowd.send(name, priority)
        assert crowd.left == ["a", "b"]
        for name in ("b", "a", "stop", "c", "d"):
            await crowd.answer(name)

    assert told(story, at_once=2) == ["a", "b", "stop", "c", "d", "read"]


def test_what_reduces_risk_has_lines_of_its_own() -> None:
    """Entries that hang hold up no stop; when one of them is answered, no entry has its line while exits have more than theirs."""

    async def story(crowd: Crowd) -> None:
        for name, priority in (
            ("a", ENTRY),
            ("b", ENTRY),
            ("c", ENTRY),
            ("stop", EXIT),
            ("sale", EXIT),
            ("late", EXIT),
        ):
            await crowd.send(name, priority)
        assert crowd.left == ["a", "b", "stop", "sale"]
        await crowd.answer("a")
        assert crowd.left[4:] == ["late"]
        for name in ("stop", "sale"):
            await crowd.answer(name)
        assert crowd.left[5:] == []
        await crowd.answer("late")
        await crowd.send("d")

    assert told(story, at_once=2, for_exits=2) == ["a", "b", "stop", "sale", "late", "c"]


def test_what_hangs_counts_no_more_and_its_late_answer_gives_no_second_line() -> None:
    async def story(crowd: Crowd) -> None:
        await crowd.send("hangs")
        await crowd.send("a", EXIT)
        assert crowd.left == ["hangs"]
        # Whoever leaves now may stay out as long as it likes.
        crowd.lines._patience_s = 60.0
        await asyncio.wait_for(crowd.out["a"].wait(), 10.0)
        await crowd.answer("hangs")
        await crowd.send("b")
        assert crowd.left == ["hangs", "a"]
        await crowd.answer("a")
        await crowd.send("c")

    assert told(story, at_once=1, patience_s=0.05) == ["hangs", "a", "b"]


@pytest.mark.parametrize("when", ["waiting", "called", "out"])
def test_whoever_is_cancelled_leaves_its_line_to_the_next(when: str) -> None:
    async def story(crowd: Crowd) -> None:
        await crowd.send("a")
        await crowd.send("b")
        await crowd.send("c")
        if when == "waiting":
            await crowd.cancel("b")
            await crowd.answer("a")
        elif when == "called":
            # Its turn has come, and it has not heard of it.
            crowd.answers["a"].set()
            await asyncio.sleep(0)
            await crowd.cancel("b")
        else:
            await crowd.answer("a")
            await crowd.cancel("b")
        # And there is one line, not two.
        await crowd.send("d")

    left = told(story, at_once=1)
    assert [name for name in left if name != "b"] == ["a", "c"]
    assert ("b" in left) == (when == "out")
