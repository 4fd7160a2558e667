"""The local watchdog: what becomes of a position whose protection the venue has refused.

Every LOOK_S, as long as there is one: where its market trades the protection is asked for again, at once when the market
trades again, ever more slowly where it goes on refusing; and where the price has passed the stop that does not rest, what
it was for is sold at market.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tradepool.domain.denial import Denial
from tradepool.domain.errors import VenueError
from tradepool.domain.event import PriceSeen, TermsSeen
from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.market import Market
from tradepool.domain.order import OrderRequest
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import CandleFeed
from tradepool.runtime import telemetry
from tradepool.services.backoff import Backoff, Pace
from tradepool.services.trading.account_actor import AccountActor

LOOK_S = 5.0
# With 1,000 positions in a market that refuses them all, one order in 60 ms.
AGAIN = Pace(LOOK_S, 60.0, 0)
# The one is sold in its place, the other can't be sold at all.
NOT_BARE = (Denial.WOULD_TRIGGER, Denial.BELOW_MINIMUM)

log = telemetry.logger(__name__)


@dataclass(slots=True)
class _Refused:
    """A protection the venue refused is asked for again at the first look from `due_ms` on, if the market trades then."""

    backoff: Backoff
    due_ms: int = 0


class Watchdog:
    """Of one venue, for all accounts."""

    def __init__(self, feed: CandleFeed, clock: Clock, actors: Callable[[], Sequence[AccountActor]]) -> None:
        """`actors` are those that are up, asked for at each look."""
        self._feed, self._clock, self._actors = feed, clock, actors
        self._bare: dict[tuple[AccountId, MarketId], _Refused] = {}
        self._wanted = asyncio.Event()

    def refused(self, request: OrderRequest, reason: str) -> None:
        """Hear that the venue refused an order, and why."""
        if not request.adds_risk and reason not in NOT_BARE:
            self._bare.setdefault((request.account, request.market), self._at_once())
            self._wanted.set()

    def admit(self, actor: AccountActor) -> None:
        """Take on what has come up without its protection: it was refused before the platform ended."""
        for market in actor.account.slots:
            if _is_bare(actor, market):
                self._bare.setdefault((actor.account.account.id, market), self._at_once())
                self._wanted.set()

    async def run(self) -> None:
        """Look after them until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._bare:
                try:
                    await self._look()
                except VenueError as error:
                    log.warning("bare positions can't be looked after", error=str(error))
                await self._clock.sleep(LOOK_S)

    async def _look(self) -> None:
        listed = {market: actor.account.slots[market].listed for (_, market), actor in self._found().items()}
        if not listed:
            return
        standing = await self._feed.standing(list(listed.values()))
        traded = {name: each for name, each in standing.items() if isinstance(each, Market)}
        prices = await self._feed.prices(list(traded.values())) if traded else {}
        for (account, market), actor in self._found().items():
            now_ms, refused = self._clock.now_ms(), self._bare[account, market]
            if market not in traded:
                self._bare[account, market] = self._at_once()
                continue
            if market in prices:
                actor.post(PriceSeen(time_ms=now_ms, market=market, price=prices[market]))
            if refused.due_ms <= now_ms:
                refused.due_ms = now_ms + int(1_000 * refused.backoff.next_s())
                terms = actor.with_fees(traded[market])
                actor.post(TermsSeen(time_ms=now_ms, markets=(terms,), anew=True))

    def _found(self) -> dict[tuple[AccountId, MarketId], AccountActor]:
        """Those that still lack something, or may: the others are forgotten."""
        actors = {actor.account.account.id: actor for actor in self._actors()}
        found = {each: actors[each[0]] for each in self._bare if each[0] in actors}
        found = {(account, market): actor for (account, market), actor in found.items() if _is_bare(actor, market)}
        self._bare = {each: self._bare[each] for each in found}
        return found

    def _at_once(self) -> _Refused:
        return _Refused(Backoff(self._clock, AGAIN))


def _is_bare(actor: AccountActor, market: MarketId) -> bool:
    """Whether a position lacks protection, or may: the venue has not answered for it yet."""
    orders, slot = actor.account.orders, actor.account.slots.get(market)
    return slot is not None and slot.held and (slot.busy or slot.asked(orders) or slot.bare(orders))
