"""Run tasks side by side so that one that fails tells its owner and takes nobody down.

The only place that may catch everything: whatever an account's code raises ends here, with its name.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from tradepool.domain.errors import TradepoolError
from tradepool.runtime import telemetry

T = TypeVar("T")
OnFailure = Callable[[str, Exception], Awaitable[None] | None]

log = telemetry.logger(__name__)


class Supervisor:
    """Holds named tasks; the failure of one is reported to its `on_failure` and to the log, the others go on.

    >>> told: list[str] = []
    >>> async def breaks() -> None:
    ...     raise ValueError("boom")
    >>> async def works() -> None:
    ...     await asyncio.sleep(0)
    ...     told.append("works is done")
    >>> async def house() -> None:
    ...     supervisor = Supervisor()
    ...     supervisor.start("breaks", breaks(), lambda name, error: told.append(f"{name}: {error}"))
    ...     supervisor.start("works", works(), lambda name, error: None)
    ...     await supervisor.join()
    >>> asyncio.run(house()); told
    ['breaks: boom', 'works is done']
    """

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[object, object, object], on_failure: OnFailure) -> asyncio.Task[None]:
        """Run `work` beside the others; when it raises, call `on_failure(name, error)`, awaited if it is async."""
        task = asyncio.create_task(guard(name, work, on_failure), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Who is cancelled before the first step never comes to await it; left open, it would warn whenever it is collected.
        task.add_done_callback(lambda ended: work.close())
        return task

    async def join(self) -> None:
        """Wait until all tasks have ended, those started meanwhile included."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """Cancel all tasks and wait until they have gone."""
        for task in tuple(self._tasks):
            task.cancel()
        await self.join()


async def guard(name: str, work: Awaitable[object], on_failure: OnFailure) -> None:
    """Await `work`; its failure is logged and told to `on_failure`, never raised. Cancelling passes through."""
    try:
        await work
    except Exception as error:
        _log(name, error)
        await _tell(name, error, on_failure)


def _log(name: str, error: Exception) -> None:
    """A named error says all there is in its line; anything else is our mistake, and its trace is wanted."""
    if isinstance(error, TradepoolError):
        log.warning("task stopped", task=name, error=str(error))
    else:
        log.error("task failed", task=name, error=str(error), kind=type(error).__name__, exc_info=error)


async def _tell(name: str, error: Exception, on_failure: OnFailure) -> None:
    try:
        answer = on_failure(name, error)
        if inspect.isawaitable(answer):
            await answer
    except Exception as second:
        # The owner's own handler is broken: the siblings still must not fall with it.
        log.critical("on_failure failed too", task=name, error=str(second), exc_info=second)


def outcome_of(work: Callable[[], T]) -> T | Exception:
    """What the work gives, or what it raises: for code of others, such as a plug-in, that may raise anything.

    >>> outcome_of(lambda: 1), outcome_of(lambda: [][0])
    (1, IndexError('list index out of range'))
    """
    try:
        return work()
    except SystemExit as error:
        return RuntimeError(f"SystemExit: {error}")
    except Exception as error:
        return error
