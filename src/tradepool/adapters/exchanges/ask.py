"""One request to a venue: an answer read into nouns, or a named error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import ccxt

from tradepool.adapters.exchanges import outcome
from tradepool.domain.ids import AccountId

T = TypeVar("T")
Instead = Callable[[ccxt.BaseError], tuple[T] | None]


class Ask:
    """Asks in the name of one account, or of nobody."""

    def __init__(self, client: Any, account: AccountId) -> None:
        """`client` is ccxt's."""
        self._client = client
        self._account = account

    async def __call__(
        self,
        request: str,
        asked: Awaitable[Any],
        read: Callable[[Any], T],
        instead: Instead[T] = lambda error: None,
    ) -> T:
        """What an answer says. `instead` may take one of ccxt's errors for an answer; any other becomes a named one.

        It is raised outside of the `except`: chained to ccxt's, a traceback would carry the signed address.
        """
        try:
            return read(await asked)
        except ccxt.BaseError as error:
            answer = instead(error)
            if answer is not None:
                return answer[0]
            failure = outcome.named(error, self._client.id, request, self._account)
            out_of_time = isinstance(error, ccxt.InvalidNonce)
        except outcome.NONSENSE as error:
            failure, out_of_time = outcome.nonsense(error, self._client.id, request), False
        if out_of_time:
            await synchronize(self._client)
        raise failure


async def synchronize(client: Any) -> None:
    """Sign with the venue's time from now on; where it can't be had, the next refusal asks again."""
    with suppress(ccxt.BaseError, *outcome.NONSENSE):
        await client.read_clock()
