"""The local watchdog: what becomes of a position whose protection the venue has refused.

Every LOOK_S, as long as there is one: where its market trades the protection is asked for again, at once when the market
trades again, ever more slowly where it goes on refusing; and where the price has passed the stop that does not rest, what
it was for is sold at market; as slowly again where the venue refuses that, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.denial import Denial
from tradepool.domain.errors import VenueError
from tradepool.domain.event import PriceSeen, TermsSeen
from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.market import Market
from tradepool.domain.order import OrderRequest, OrderType
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
    """A protection the venue refused is asked for again at the first look from `due_ms` on, if the market trades then; so is
    the sale in its place, once that was refused."""

    backoff: Backoff
    due_ms: int = 0
    unsold: bool = False


class Watchdog:
    """Of one venue, for all accounts."""

    def __init__(self, feed: CandleFeed, clock: Clock, actors: Callable[[], Sequence[AccountActor]]) -> None:
        """`actors` are those that are up, asked for at each look."""
        self._feed, self._clock, self._actors = feed, clock, actors
        self._bare: dict[tuple[AccountId, MarketId], _Refused] = {}
        self._wanted = asyncio.Event()

    def refused(self, request: OrderRequest, reason: str) -> None:
        """Hear that the venue refused an order, and why."""
        if request.adds_risk:
            return
        bare = request.account, request.market
        if reason not in NOT_BARE:
            self._bare.setdefault(bare, self._at_once())
            self._wanted.set()
        if request.type is OrderType.MARKET and bare in self._bare:
            self._bare[bare].unsold = True

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
        prices = await self._prices(list(traded.values()))
        for (account, market), actor in self._found().items():
            now_ms, refused = self._clock.now_ms(), self._bare[account, market]
            if market not in traded:
                self._bare[account, market] = self._at_once()
                continue
            if not actor.account.listening or actor.refused:
                # It takes nothing in now, and what it is told would be old by then.
                continue
            is_due = refused.due_ms <= now_ms
            if market in prices and (is_due or not refused.unsold):
                actor.post(PriceSeen(time_ms=now_ms, market=market, price=prices[market]))
            if is_due:
                refused.due_ms = now_ms + int(1_000 * refused.backoff.next_s())
                terms = actor.with_fees(traded[market])
                actor.post(TermsSeen(time_ms=now_ms, markets=(terms,), anew=True))

    async def _prices(self, markets: Sequence[Market]) -> Mapping[MarketId, Decimal]:
        """What they were traded at last; without that the protections are asked for all the same."""
        try:
            return await self._feed.prices(markets) if markets else {}
        except VenueError as error:
            log.warning("the prices of bare positions are not known", error=str(error))
            return {}

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
    return slot is not None and slot.held and (slot.tied(orders) or slot.asked(orders) or slot.bare(orders))
