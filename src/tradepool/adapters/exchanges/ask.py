"""One request to a venue: an answer read into nouns, or a named error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import ccxt

from tradepool.adapters.exchanges import outcome
from tradepool.domain.errors import VenueError
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
        failure: VenueError
        try:
            return read(await asked)
        except ccxt.BaseError as error:
            answer = instead(error)
            if answer is not None:
                return answer[0]
            failure = await refused(error, self._client, request, self._account)
        except outcome.NONSENSE as error:
            failure = outcome.nonsense(error, self._client.id, request)
        raise failure


async def refused(error: ccxt.BaseError, client: Any, request: str, account: AccountId) -> VenueError:
    """The named error of one of ccxt's. If it was the time, what is signed from now on has the venue's; where that
    can't be had, the next refusal asks again."""
    if outcome.out_of_time(error):
        with suppress(ccxt.BaseError, VenueError, *outcome.NONSENSE):
            await client.read_clock()
    return outcome.named(error, client.id, request, account)
