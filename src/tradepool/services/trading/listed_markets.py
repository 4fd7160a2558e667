"""How the markets in use stand at the venue and what it asks there, looked at beside trading.

Every LISTING_S, and at once when the venue refuses an order for what may be another grid or another least amount: accounts
hear of new terms while they trade, and make anew what was refused under the old ones. While a position lacks what the
venue refused to protect it with, markets are looked at every LOOK_S, and where its market trades it is protected anew: at
once when the market trades again, ever more slowly where it goes on refusing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tradepool.core.risk.suspension import Trouble
from tradepool.domain.denial import Denial
from tradepool.domain.errors import VenueError
from tradepool.domain.event import TermsSeen
from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.market import Market
from tradepool.domain.order import OrderRequest
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import CandleFeed
from tradepool.runtime import telemetry
from tradepool.services.backoff import Backoff, Pace
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.entry_gate import EntryGate

LISTING_S = 300.0
# However many orders are refused.
LOOK_S = 5.0
FOR_TERMS = (Denial.VENUE_REJECTED, Denial.BELOW_MINIMUM)
# With 1,000 positions in a market that refuses them all, one order in 60 ms.
AGAIN = Pace(LOOK_S, 60.0, 0)

log = telemetry.logger(__name__)


@dataclass(slots=True)
class _Refused:
    """A protection the venue refused is made again at the first look from `due_ms` on, if the market trades then."""

    backoff: Backoff
    due_ms: int


class ListedMarkets:
    """Tells the gate which markets are traded, each account of terms that are news to it, and those whose protection was
    refused that it may be made again."""

    def __init__(
        self, feed: CandleFeed, gate: EntryGate, clock: Clock, actors: Callable[[], Sequence[AccountActor]]
    ) -> None:
        """`actors` are those that are up, asked for at each look."""
        self._feed, self._gate, self._clock, self._actors = feed, gate, clock, actors
        self._wanted = asyncio.Event()
        self._bare: dict[tuple[AccountId, MarketId], _Refused] = {}

    def refused(self, request: OrderRequest, reason: str) -> None:
        """Hear why the venue refused an order: its terms may be others now."""
        if reason in FOR_TERMS:
            self._wanted.set()
        if not request.adds_risk and reason not in (Denial.WOULD_TRIGGER, Denial.BELOW_MINIMUM):
            self._bare.setdefault((request.account, request.market), self._at_once())
            self._wanted.set()

    def admit(self, actor: AccountActor) -> None:
        """Take on what has come up without its protection: it was refused before the platform ended."""
        for market in actor.account.slots:
            if _is_bare(actor, market):
                self._bare.setdefault((actor.account.account.id, market), self._at_once())
                self._wanted.set()

    async def run(self, markets: Sequence[Market]) -> None:
        """Look at these markets until cancelled."""
        while True:
            self._wanted.clear()
            try:
                self._take(await self._feed.standing(markets))
            except VenueError as error:
                log.warning("the venue does not tell its markets", error=str(error))
            await self._clock.sleep(LOOK_S)
            both = [asyncio.ensure_future(self._clock.sleep(0.0 if self._bare else LISTING_S - LOOK_S))]
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
        actors = {actor.account.account.id: actor for actor in self._actors()}
        for actor in actors.values():
            seen = actor.account.seen
            mine = [actor.with_fees(listed[name]) for name in actor.account.slots if name in seen and name in listed]
            changed = tuple(market for market in mine if market != seen[market.id])
            if changed:
                account, names = actor.account.account.id, [market.id for market in changed]
                log.warning("the venue has changed its terms", account=account, markets=names)
                actor.post(TermsSeen(time_ms=self._clock.now_ms(), markets=changed, anew=True))
        for (account, market), refused in list(self._bare.items()):
            if account not in actors or not _is_bare(actors[account], market):
                del self._bare[account, market]
            elif market not in listed:
                self._bare[account, market] = self._at_once()
            elif refused.due_ms <= self._clock.now_ms():
                refused.due_ms = self._clock.now_ms() + int(1_000 * refused.backoff.next_s())
                terms = actors[account].with_fees(listed[market])
                actors[account].post(TermsSeen(time_ms=self._clock.now_ms(), markets=(terms,), anew=True))

    def _at_once(self) -> _Refused:
        return _Refused(Backoff(self._clock, AGAIN), 0)


def _is_bare(actor: AccountActor, market: MarketId) -> bool:
    """Whether a position lacks protection, or may: the venue has not answered for it yet."""
    orders, slot = actor.account.orders, actor.account.slots.get(market)
    return slot is not None and slot.held and (slot.busy or slot.asked(orders) or slot.bare(orders))
