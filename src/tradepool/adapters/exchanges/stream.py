"""One WebSocket subscription of a ccxt client: acknowledged in time, and its end told once, whatever ended it.

ccxt's reader dies without a word when a handler raises, it cancels futures nobody asked it to cancel, rejects others
with errors that are not its own, and does not subscribe twice on one connection. So nothing here depends on how the
pending `watch_*` call ends, only on that it ended, and every new try starts with a new connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import ccxt

from tradepool.adapters.exchanges import outcome
from tradepool.adapters.exchanges.ask import refused
from tradepool.domain.ids import AccountId
from tradepool.ports.exchange import OnLost, OutcomeUnknown

ACKNOWLEDGE_TIMEOUT_S = 30.0


class Stream:
    """What a client hears through its handlers; the one that hears the venue's consent calls `acknowledge`."""

    def __init__(self, client: Any, name: str, account: AccountId) -> None:
        """`name` is what errors call it; `account` is whose key it uses."""
        self._client = client
        self._name = name
        self._account = account
        self._on_lost: OnLost = lambda why: None
        self._acknowledged = asyncio.Event()
        self._watching: asyncio.Task[object] | None = None
        self._why = ""
        self._guard()

    async def open(self, watch: Callable[[], Coroutine[object, object, object]], on_lost: OnLost) -> None:
        """Return once the venue has acknowledged; `watch` pends for as long as the connection stands."""
        await self.close()
        self._acknowledged.clear()
        self._why, self._on_lost = "", on_lost
        watching = asyncio.create_task(watch(), name=self._name)
        waiting = asyncio.create_task(self._acknowledged.wait())
        try:
            await asyncio.wait((waiting, watching), timeout=ACKNOWLEDGE_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
            if not self._acknowledged.is_set():
                raise await self._refused(watching)
            self._watching = watching
        finally:
            waiting.cancel()
            if self._watching is not watching:
                watching.cancel()
        watching.add_done_callback(self._ended)

    def acknowledge(self) -> None:
        """Hear that the venue streams now."""
        self._acknowledged.set()

    def _guard(self) -> None:
        """A frame that makes no sense, to ccxt or to our handlers, ends the stream instead of ccxt's reader."""
        client, connect = self._client, self._client.client

        def connection_to(url: str) -> Any:
            known = url in (client.clients or ())
            connection = connect(url)
            if not known:
                connection.handle_message = self._guarded(connection.handle_message)
            return connection

        client.client = connection_to

    def _guarded(self, handle: Callable[[Any], None]) -> Callable[[Any], None]:
        def read(message: Any) -> None:
            try:
                handle(message)
            except outcome.NONSENSE as error:
                self.fail(f"a frame makes no sense: {type(error).__name__}")

        return read

    def fail(self, why: str) -> None:
        """Give the stream up; whoever listens is told and opens it again."""
        self._why = self._why or why
        if self._watching is not None:
            self._watching.cancel()

    async def _refused(self, watching: asyncio.Task[object]) -> Exception:
        error = _error_of(watching)
        if isinstance(error, ccxt.BaseError):
            return await refused(error, self._client, self._name, self._account)
        message = self._why or (type(error).__name__ if error else "no acknowledgement")
        return OutcomeUnknown(venue=self._client.id, request=self._name, message=message)

    def _ended(self, watching: asyncio.Task[object]) -> None:
        error = _error_of(watching)
        if watching is self._watching:
            self._watching = None
            self._on_lost(self._why or (type(error).__name__ if error else "it ended"))

    async def close(self) -> None:
        """Leave; the end is not told to anybody."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
        await self._client.close_ws_clients()


def _error_of(task: asyncio.Task[object]) -> BaseException | None:
    error = task.exception() if task.done() and not task.cancelled() else None
    # A refused subscription makes ccxt trip over its own cleaning up: the venue's word is what it was cleaning up after.
    return error.__context__ if isinstance(error, KeyError) and error.__context__ else error
