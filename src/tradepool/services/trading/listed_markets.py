"""How the markets in use stand at the venue and what it asks there, looked at beside trading.

Every LISTING_S, and at once when the venue refuses an order for what may be another grid or another least amount: accounts
hear of new terms while they trade, and make anew what was refused under the old ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from tradepool.core.risk.suspension import Trouble
from tradepool.domain.denial import Denial
from tradepool.domain.errors import VenueError
from tradepool.domain.event import TermsSeen
from tradepool.domain.ids import MarketId
from tradepool.domain.market import Market
from tradepool.domain.order import OrderRequest
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import CandleFeed
from tradepool.runtime import telemetry
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.entry_gate import EntryGate

LISTING_S = 300.0
# However many orders are refused.
AGAIN_S = 10.0
FOR_TERMS = (Denial.VENUE_REJECTED, Denial.BELOW_MINIMUM)

log = telemetry.logger(__name__)


class ListedMarkets:
    """Tells the gate which markets are traded, and each account of terms that are news to it."""

    def __init__(
        self,
        feed: CandleFeed,
        gate: EntryGate,
        clock: Clock,
        actors: Callable[[], Sequence[AccountActor]],
        on_changed: Callable[[], None],
    ) -> None:
        """`actors` are those that are up, asked for at each look; `on_changed` hears that one was told of new terms."""
        self._feed, self._gate, self._clock, self._actors, self._on_changed = feed, gate, clock, actors, on_changed
        self._wanted = asyncio.Event()

    def refused(self, request: OrderRequest, reason: str) -> None:
        """Hear why the venue refused an order: its terms may be others now."""
        if reason in FOR_TERMS:
            self._wanted.set()

    async def run(self, markets: Sequence[Market]) -> None:
        """Look at these markets until cancelled."""
        while True:
            self._wanted.clear()
            try:
                self._take(await self._feed.standing(markets))
            except VenueError as error:
                log.warning("the venue does not tell its markets", error=str(error))
            await self._clock.sleep(AGAIN_S)
            both = [asyncio.ensure_future(self._clock.sleep(LISTING_S - AGAIN_S))]
            both.append(asyncio.ensure_future(self._refused()))
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in both:
                    each.cancel()

    async def _refused(self) -> None:
        await self._wanted.wait()

    def _take(self, standing: Mapping[MarketId, Market | Trouble]) -> None:
        self._gate.listed({name: each if isinstance(each, Trouble) else None for name, each in standing.items()})
        listed = {name: each for name, each in standing.items() if isinstance(each, Market)}
        for actor in self._actors():
            seen = actor.account.seen
            mine = [actor.with_fees(listed[name]) for name in actor.account.slots if name in seen and name in listed]
            changed = tuple(market for market in mine if market != seen[market.id])
            if changed:
                account, names = actor.account.account.id, [market.id for market in changed]
                log.warning("the venue has changed its terms", account=account, markets=names)
                actor.post(TermsSeen(time_ms=self._clock.now_ms(), markets=changed, anew=True))
                self._on_changed()
