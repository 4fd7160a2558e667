"""Past candles of any exchange that ccxt knows, a page at a time; nothing is signed and no key is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp
import ccxt
import numpy as np

from tradepool.adapters.exchanges import outcome
from tradepool.adapters.exchanges.clients import new_client
from tradepool.adapters.exchanges.pacing import Pacer
from tradepool.adapters.exchanges.transport import Session
from tradepool.adapters.exchanges.venues import BINANCE
from tradepool.core.market.bars import Bars
from tradepool.domain.errors import InvalidInput, VenueError
from tradepool.ports.candles import Series
from tradepool.ports.clock import Clock
from tradepool.ports.weights import WeightBroker
from tradepool.runtime.config import nearest
from tradepool.runtime.telemetry import redact_text

PAGE = 1_000
MS_PER_S = 1_000
# Where an exchange says nothing of its limits.
PAUSE_S = 0.5
NEVER_MS = 10**9

T = TypeVar("T")


class NoSuchCandles(InvalidInput):
    """{venue} has no candles {what}{hint}; correct it."""


class CandlesRefused(VenueError):
    """{venue} refused {request}: {message}."""


class CandlesNotGiven(VenueError):
    """{venue} did not answer {request}: {message}; what came before is stored, the same command goes on from there."""

    transient = True


class CcxtCandles:
    """One exchange."""

    def __init__(self, venue: str, session: Session, clock: Clock, broker: WeightBroker | None = None) -> None:
        """`venue` is a ccxt id, of whose `reach` the session must be. Raises UnknownVenue.

        Without a broker, for a venue whose limits are not known, `pause_s` between requests is what ccxt takes for polite.
        """
        # Binance's own id is spot only here: its futures are venues of their own.
        self.client: Any = new_client(venue, session, clock, NEVER_MS, spot=venue == BINANCE.id)
        Pacer(self.client, broker)
        self._venue, self._clock = venue, clock
        limit_ms = float(self.client.rateLimit or PAUSE_S * MS_PER_S)
        self.pause_s = 0.0 if broker is not None else limit_ms / MS_PER_S

    async def time_ms(self) -> int:
        """The exchange's time; the machine's where the exchange does not tell."""
        if not self.client.has.get("fetchTime"):
            return self._clock.now_ms()
        return await self._ask("fetch_time", self.client.fetch_time(), int)

    async def check(self, series: Series) -> None:
        """Raises NoSuchCandles when the exchange does not trade the market or has no such timeframe."""
        await self._ask("load_markets", self.client.load_markets(), dict)
        if series.symbol not in self.client.markets:
            close = nearest(series.symbol, self.client.markets).split(" (known")[0]
            raise NoSuchCandles(venue=self._venue, what=f"of {series.symbol}", hint=close)
        known = self.client.timeframes or {}
        if not self.client.has.get("fetchOHLCV") or series.timeframe not in known:
            hint = f" (it has {', '.join(known) or 'none'})"
            raise NoSuchCandles(venue=self._venue, what=f"of {series.timeframe}", hint=hint)

    async def page(self, series: Series, since_ms: int) -> Bars:
        """Candles from `since_ms` on, oldest first and each once. Raises CandlesRefused, CandlesNotGiven."""

        def read(rows: Any) -> Bars:
            if not rows and not _holds_list(self.client.last_json_response):
                # Of a page of HTML, of cut JSON and of a dictionary ccxt makes no candles, and says nothing.
                raise TypeError("no list of candles")
            table = np.array([[float(value) for value in row[1:6]] for row in rows]).reshape(-1, 5)
            times, at = np.unique(np.array([int(row[0]) for row in rows], np.int64), return_index=True)
            return Bars(series.timeframe_ms, times, *table[at].T)

        asked = self.client.fetch_ohlcv(series.symbol, series.timeframe, since_ms, PAGE)
        return await self._ask(f"candles of {series}", asked, read)

    async def _ask(self, request: str, asked: Awaitable[Any], read: Callable[[Any], T]) -> T:
        try:
            return read(await asked)
        except ccxt.BaseError as error:
            # ccxt's text is the address and all of the body; a person needs its kind and the venue's own words.
            said = " ".join(redact_text(str(error)).split())[:160]
            facts = {"venue": self._venue, "request": request, "message": f"{type(error).__name__} {said}"}
            broken_off = isinstance(error.__cause__, aiohttp.ClientError)
            transient = broken_off or isinstance(error, ccxt.OperationFailed | ccxt.BadResponse)
            failure = CandlesNotGiven(**facts) if transient else CandlesRefused(**facts)
        except outcome.NONSENSE as error:
            why = f"the answer makes no sense ({type(error).__name__})"
            failure = CandlesNotGiven(venue=self._venue, request=request, message=why)
        raise failure

    async def close(self) -> None:
        """Close the client; the session is its owner's."""
        await self.client.close()


def _holds_list(answer: Any) -> bool:
    """Whether an answer has a list in it, empty or not, as every venue's page of candles has.

    >>> _holds_list([]), _holds_list({"result": {"list": []}}), _holds_list({"a": 1}), _holds_list(None)
    (True, True, False, False)
    """
    return isinstance(answer, list) or (isinstance(answer, dict) and any(map(_holds_list, answer.values())))
