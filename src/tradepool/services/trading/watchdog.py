"""The local watchdog: what becomes of a position whose protection the venue has refused, or holds only in part.

Every LOOK_S, as long as there is one: where its market trades the protection is asked for again, at once when the market
trades again, ever more slowly where it goes on refusing; and where the price has passed the stop that does not rest, what
it was for is sold at market; as slowly again where the venue refuses that, too. Where the venue holds a stop or a target
for some coins, not both, the stop rests, and the price of the target is watched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradepool.core.account import account_step as step
from tradepool.core.account.slot import Slot
from tradepool.domain.denial import Denial
from tradepool.domain.errors import VenueError
from tradepool.domain.event import PriceSeen, TermsSeen
from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.market import Market
from tradepool.domain.order import OrderRequest, OrderType, Purpose
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import CandleFeed
from tradepool.runtime import telemetry
from tradepool.services.backoff import Backoff, Pace
from tradepool.services.trading.account_actor import AccountActor

Place = tuple[AccountId, MarketId]

LOOK_S = 5.0
# With 1,000 positions in a market that refuses them all, one order in 60 ms.
AGAIN = Pace(LOOK_S, 60.0, 0)

log = telemetry.logger(__name__)


@dataclass(slots=True)
class _Refused:
    """A protection the venue refused is asked for again at the first look from `due_ms` on, if the market trades then; so is
    the sale in its place, or at a target, once that was refused."""

    backoff: Backoff
    due_ms: int = 0
    unsold: bool = False

    def later(self, now_ms: int) -> None:
        """It is asked for now; when it is next."""
        self.due_ms = now_ms + int(1_000 * self.backoff.next_s())


class Watchdog:
    """Of one venue, for all accounts."""

    def __init__(self, feed: CandleFeed, clock: Clock, actors: Callable[[], Sequence[AccountActor]]) -> None:
        """`actors` are those that are up, asked for at each look."""
        self._feed, self._clock, self._actors = feed, clock, actors
        self._bare: dict[Place, _Refused] = {}
        # Sales at a target that the venue refused: their stops rest again.
        self._unsold: dict[Place, _Refused] = {}
        self._wanted = asyncio.Event()

    def refused(self, request: OrderRequest, reason: str) -> None:
        """Hear that the venue refused an order, and why."""
        if request.adds_risk:
            return
        bare = request.account, request.market
        if request.purpose is Purpose.TARGET and request.type is OrderType.MARKET:
            self._unsold.setdefault(bare, self._at_once()).later(self._clock.now_ms())
        # What is too small can't be sold at all.
        if reason != Denial.BELOW_MINIMUM:
            self._bare.setdefault(bare, self._at_once())
            self._wanted.set()
        if request.type is OrderType.MARKET and bare in self._bare:
            self._bare[bare].unsold = True

    def admit(self, actor: AccountActor) -> None:
        """Take on what has come up without its protection: it was refused before the platform ended; and who has targets
        that are watched, or may have."""
        if any(_may_be_watched(slot) for slot in actor.account.slots.values()):
            self.look_around()
        for market in actor.account.slots:
            if _is_bare(actor, market):
                self._bare.setdefault((actor.account.account.id, market), self._at_once())
                self._wanted.set()

    def look_around(self) -> None:
        """Hear that markets have come, or changed, on which targets may have to be watched."""
        self._wanted.set()

    async def run(self) -> None:
        """Look after them until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while True:
                try:
                    await self._look()
                except VenueError as error:
                    log.warning("bare positions can't be looked after", error=str(error))
                await self._clock.sleep(LOOK_S)
                if not self._bare and not self._may_await_targets():
                    break

    async def _look(self) -> None:
        bare = _listed(self._found())
        standing = await self._feed.standing(list(bare.values())) if bare else {}
        traded = {name: each for name, each in standing.items() if isinstance(each, Market)}
        prices = await self._prices(list((_listed(self._awaiting()) | traded).values()))
        self._look_at_targets(prices)
        for (account, market), actor in self._found().items():
            now_ms, refused = self._clock.now_ms(), self._bare[account, market]
            if market not in traded:
                self._bare[account, market] = self._at_once()
                continue
            if actor.refused:
                # It takes nothing in now, and what it is told would be old by then.
                continue
            is_due = refused.due_ms <= now_ms
            if market in prices and (is_due or not refused.unsold):
                actor.post(PriceSeen(time_ms=now_ms, market=market, price=prices[market]))
            if is_due:
                refused.later(now_ms)
                terms = actor.with_fees(traded[market])
                actor.post(TermsSeen(time_ms=now_ms, markets=(terms,), anew=True))

    def _look_at_targets(self, prices: Mapping[MarketId, Decimal]) -> None:
        """Tell of a target that the price has reached."""
        now_ms = self._clock.now_ms()
        for (account, market), actor in self._awaiting().items():
            slot, refused = actor.account.slots[market], self._unsold.get((account, market))
            waits = (refused is not None and refused.due_ms > now_ms) or actor.refused
            price = prices.get(market, Decimal(0))
            if price >= slot.market.price(slot.row[step.TARGET]) and not waits:
                actor.post(PriceSeen(time_ms=now_ms, market=market, price=price))

    def _awaiting(self) -> dict[Place, AccountActor]:
        """Positions whose target is not at the venue."""
        all_slots = [(actor, market, slot) for actor in self._actors() for market, slot in actor.account.slots.items()]
        held = {(actor.account.account.id, market) for actor, market, slot in all_slots if slot.held}
        self._unsold = {each: self._unsold[each] for each in self._unsold.keys() & held}
        return {
            (actor.account.account.id, market): actor
            for actor, market, slot in all_slots
            if slot.awaits_target(actor.account.orders)
        }

    def _may_await_targets(self) -> bool:
        """Whether anybody has, or may enter, such a position."""
        return any(_may_be_watched(slot) for actor in self._actors() for slot in actor.account.slots.values())

    async def _prices(self, markets: Sequence[Market]) -> Mapping[MarketId, Decimal]:
        """What they were traded at last; without that the protections are asked for all the same."""
        try:
            return await self._feed.prices(markets) if markets else {}
        except VenueError as error:
            log.warning("the prices of bare positions are not known", error=str(error))
            return {}

    def _found(self) -> dict[Place, AccountActor]:
        """Those that still lack something, or may: the others are forgotten."""
        actors = {actor.account.account.id: actor for actor in self._actors()}
        found = {each: actors[each[0]] for each in self._bare if each[0] in actors}
        found = {(account, market): actor for (account, market), actor in found.items() if _is_bare(actor, market)}
        self._bare = {each: self._bare[each] for each in found}
        return found

    def _at_once(self) -> _Refused:
        return _Refused(Backoff(self._clock, AGAIN))


def _listed(positions: Mapping[Place, AccountActor]) -> dict[MarketId, Market]:
    return {market: actor.account.slots[market].listed for (_, market), actor in positions.items()}


def _may_be_watched(slot: Slot) -> bool:
    """Whether the venue takes no pairs now, or took none when the stop was placed that is held alone."""
    alone = slot.held and slot.row[step.STOP] > 0 and slot.row[step.TARGET] > 0 and not slot.targets
    return alone or not slot.listed.pairs


def _is_bare(actor: AccountActor, market: MarketId) -> bool:
    """Whether a position lacks protection, or may: the venue has not answered for it yet."""
    orders, slot = actor.account.orders, actor.account.slots.get(market)
    return slot is not None and slot.held and (slot.tied(orders) or slot.asked(orders) or slot.bare(orders))
