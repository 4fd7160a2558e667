"""Limits above one mandate while trading runs: asked before each entry leaves, looked at with every candle, and acted on.

What people set beside the process is read anew every second. What was reached is kept in the store, so a restart finds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from tradepool.core.account import account_step as step
from tradepool.core.account import limit_step
from tradepool.core.account.account import Account
from tradepool.core.risk.live_limits import MINUTE_MS, LiveLimits
from tradepool.core.risk.standing import DAY_MS, Broken, Standing, day_and_week, symbol_of
from tradepool.domain.by_hand import FlattenAsked
from tradepool.domain.candle import Candle
from tradepool.domain.denial import Denial
from tradepool.domain.deployment import Halt, Scope, ScopeKind
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.event import EntriesResumed, MandateChanged
from tradepool.domain.ids import AccountId, MarketId, StrategyId
from tradepool.domain.limit import LIMIT_WORDS, Action, BadLimit, Limit, LimitScope, Override, RiskPlan, Trip, read_key
from tradepool.domain.mandate import Mandate, with_limit
from tradepool.domain.order import OrderRequest, OrderStatus
from tradepool.ports.clock import Clock
from tradepool.ports.risk import RiskStore
from tradepool.runtime import telemetry
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.desk import TradingDesk

# Whose deed a halt is that no person did.
BY = "risk"
# What was on its way when a limit was reached is bought by then; what is held since later a person has taken over.
BOUGHT_BY_MS = MINUTE_MS
# A sale that the venue refuses is asked for again so long after, then twice as long, at most an hour.
SALE_AGAIN_MS, SALE_AGAIN_MAX_MS = MINUTE_MS, 60 * MINUTE_MS

log = telemetry.logger(__name__)


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A limit as it stands: how much of it is in use (None: it is about one entry alone), and what it reached last."""

    limit: Limit
    in_use: Decimal | None
    trip: Trip | None
    override: Override | None


class RiskDesk:
    """One for all accounts of a platform. `strategies` names the strategies that mandates follow."""

    def __init__(
        self, plan: RiskPlan, store: RiskStore, clock: Clock, desk: TradingDesk, strategies: Mapping[StrategyId, str]
    ) -> None:
        """Nobody is admitted yet; what was set and reached before is read."""
        self.limits = LiveLimits()
        self.limits.peaks = dict(store.peaks())
        self._plan, self._store, self._clock, self._desk = plan, store, clock, desk
        self._strategies = strategies
        self._agreed: dict[AccountId, Mandate] = {}
        self._overrides: tuple[Override, ...] | None = None
        self._read_s, self._is_new = -1, False
        # What the store has not taken yet, and who has heard that a person lets a scope trade on.
        self._owed: dict[Hashable, Callable[[], None]] = {}
        self._grown: dict[tuple[str, str], Decimal] = {}
        self._heard: dict[str, set[AccountId]] = {}
        # How each account stood when limits heard of it last; who may trade on and has not taken that in yet.
        self._told: dict[AccountId, Standing] = {}
        self._resuming: set[AccountId] = set()
        # What limits have asked to be sold, or taken back while nothing is held: when next, and how long is waited then.
        self._sales: dict[tuple[AccountId, MarketId, bool], tuple[int, int]] = {}
        self._read()

    # ---- who is watched

    def merged(self, mandate: Mandate) -> Mandate:
        """A mandate of the configuration with what people set of its limits since; it is one of this desk's from now on."""
        self._agreed[mandate.account], self._is_new = mandate, True
        return self._with_overrides(mandate)

    def _with_overrides(self, mandate: Mandate) -> Mandate:
        return with_overrides(mandate, self._overrides or ())

    def admit(self, actor: AccountActor) -> None:
        """An account is up."""
        actor.on_applied = self._stands
        self._told.pop(actor.account.account.id, None)
        working = actor.account.orders.values()
        went_out = [w.request for w in working if w.request.adds_risk and w.status is not OrderStatus.INTENT]
        self.limits.works_before(actor.account.account.id, went_out)
        self._stands(actor)
        if any(limit.kind in ("orders_per_minute_max", "volume_share_max") for limit in self.limits.limits):
            now_ms, account = self._clock.now_ms(), actor.account
            for entry in self._store.entries_since(account.account.id, now_ms - DAY_MS):
                if entry.time_ms > now_ms - MINUTE_MS:
                    self.limits.sent_before(entry)
                if _went_out(account, entry):
                    self.limits.took_before(entry)

    async def run(self) -> None:
        """Read what people do every second, until cancelled, though nobody enters meanwhile."""
        while True:
            await self._clock.sleep(1.0)
            self._read_s = -1
            self._refresh()

    def candle(self, candle: Candle) -> None:
        """A candle closed."""
        self.limits.candle(candle.market.id, candle.close, candle.close_time_ms, candle.volume)

    def after_batch(self) -> None:
        """All accounts have been told of a T: look at them when they have acted on it."""
        asyncio.get_running_loop().call_soon(self._look)

    # ---- entries

    def may_enter(self, entry: OrderRequest) -> str:
        """Why an entry may not go out now; "" if it may, and then it counts."""
        now_ms = self._clock.now_ms()
        self._refresh()
        self._stands(self._desk.actor(entry.account))
        if self._owed:
            # What a limit has reached is not written: a restart would not know.
            return Denial.DISK_FULL
        held = self._desk.feed.holdings(entry.account)
        if held is not None:
            self.limits.balances(entry.account, held.as_of_ms)
        denied = self.limits.ask(entry, now_ms)
        if denied is None:
            self.limits.admit(entry, now_ms)
            return ""
        if denied.broken is not None:
            self._reached(denied.broken, now_ms)
        return denied.denial

    # ---- limits

    def uses(self) -> list[LimitUse]:
        """Every limit, as it stands."""
        self._refresh()
        now_ms, overrides = self._clock.now_ms(), {each.key: each for each in self._overrides or ()}
        trips = {key: trip for (key, _), trip in self.limits.trips.items() if trip.until_ms > now_ms}
        return [
            LimitUse(
                limit,
                _of_mandate(self.limits.standings(), limit) or self.limits.figure(limit, now_ms),
                trips.get(limit.key),
                overrides.get(limit.key),
            )
            for limit in self.limits.limits
        ]

    def _refresh(self) -> None:
        """Read what people did, once a second."""
        if self._is_new:
            self._is_new = False
            self._use()
        second = self._clock.now_ms() // 1_000
        if second == self._read_s:
            return
        self._read_s = second
        self._settle()
        if self._owed:
            return
        try:
            self._read()
            self._tell_resumed()
        except TradepoolError as error:
            log.error("limits go on with what was known", error=str(error))

    def _read(self) -> None:
        self.limits.trips = {(trip.key, trip.user): trip for trip in self._store.trips()}
        overrides = tuple(self._store.overrides())
        if overrides != self._overrides:
            self._overrides = overrides
            self._use()
            self._tell_mandates()

    def _save(self, what: Hashable, write: Callable[[], None]) -> None:
        """Write down what was reached; what the store does not take is in force all the same, and offered every second."""
        self._owed[what] = write
        self._settle()

    def _settle(self) -> None:
        for what, write in list(self._owed.items()):
            try:
                write()
            except TradepoolError as error:
                log.error("what a limit reached is not written down; nothing is entered until it is", error=str(error))
                return
            del self._owed[what]

    def _use(self) -> None:
        limits = {limit.key: limit for limit in self._plan.limits}
        for mandate in self._agreed.values():
            for word, value in mandate.limits.named():
                own = Limit(scope=LimitScope.MANDATE, name=mandate.id, word=word, value=Decimal(value))
                limits.setdefault(own.key, own)
        plan = replace(self._plan, limits=tuple(limits.values()))
        self.limits.use(in_force(plan, self._overrides or ()), self._plan.clusters)

    def _tell_mandates(self) -> None:
        for actor in self._desk.actors:
            mandate = self._agreed[actor.account.account.id]
            wanted = self._with_overrides(mandate)
            if wanted.limits != actor.account.mandate.limits:
                now = replace(actor.account.mandate, limits=wanted.limits)
                actor.post(MandateChanged(time_ms=self._clock.now_ms(), mandate=now))

    def _tell_resumed(self) -> None:
        """Whom a person lets trade on hears it once, who is still starting as soon as he is up."""
        scopes = self._store.resumed()
        for scope in scopes:
            self._resume(scope, self._heard.setdefault(scope, set()))
        if scopes and not self._desk.starting:
            self._store.all_resumed(scopes)
            self._heard.clear()

    def _resume(self, key: str, heard: set[AccountId]) -> None:
        scope, name, _ = read_key(f"{key}.any")
        new = [standing for standing in self.limits.standings() if standing.account not in heard]
        told = [each for each in new if any(self.limits.covers(scope, name, each, market) for market in each.marks)]
        if told:
            self.limits.measure_from_now(scope, name)
            log.warning("a person lets it trade on", scope=key, accounts=len(told))
        for standing in told:
            heard.add(standing.account)
            self._resuming.add(standing.account)
            actor = self._desk.actor(standing.account)
            actor.post(EntriesResumed(time_ms=self._clock.now_ms(), limits=True))
            self._stands(actor)

    # ---- what is reached

    def _look(self) -> None:
        self._refresh()
        if grown := self.limits.higher():
            self._grown |= grown
            self._save("peaks", self._save_peaks)
        now_ms = self._clock.now_ms()
        self._sell(list(self.limits.standings()), now_ms)
        for broken in self.limits.look(now_ms):
            self._reached(broken, now_ms)

    def _save_peaks(self) -> None:
        self._store.save_peaks(self._grown)
        self._grown = {}

    def _reached(self, broken: Broken, now_ms: int) -> None:
        """Remember it until the next UTC day, once, and do what the limit says."""
        limit, key = broken.limit, (broken.limit.key, broken.user)
        before = self.limits.trips.get(key)
        if before is not None and before.until_ms > now_ms and before.action is limit.action:
            return
        until_ms = (now_ms // DAY_MS + 1) * DAY_MS
        trip = Trip(key=key[0], user=key[1], action=limit.action, since_ms=now_ms, until_ms=until_ms, note=broken.note)
        self.limits.trips[key] = trip
        log.warning("limit reached", limit=limit.key, user=broken.user, action=limit.action.value, note=broken.note)
        # A halt before what was reached: a restart takes that as acted on.
        for scope in self._halted(trip) if limit.action is Action.HALT else ():
            halt = Halt(scope=scope, since_ms=now_ms, by=BY, reason=broken.note)
            self._save(scope, partial(self._store.halt, halt))
        self._save(key, partial(self._store.save_trip, trip))
        if limit.action is Action.FLATTEN:
            self._sell(list(self.limits.standings()), now_ms)

    def _sell(self, standings: Iterable[Standing], now_ms: int) -> None:
        """Have sold what limits in force flatten, and taken back what is about to be held. Asked again, ever less often, as a sale
        may be refused, an entry be on its way, a process die; what is leaving leaves. What a person takes over after that is
        his to keep."""
        trips = [t for t in self.limits.trips.values() if t.action is Action.FLATTEN and t.until_ms > now_ms]
        if not trips:
            self._sales.clear()
        for standing in standings if trips else ():
            actor, found = self._desk.actor(standing.account), list[MarketId]()
            for market, slot in actor.account.slots.items():
                since_ms = max((t.since_ms for t in trips if self.limits.about(t, standing, market)), default=None)
                stays = slot.held and not slot.leaving(actor.account.orders)
                if since_ms is not None and (
                    slot.entry is not None or (stays and slot.row[step.ENTRY_TIME] <= since_ms + BOUGHT_BY_MS)
                ):
                    found.append(market)
            found = [market for market in found if self._is_due(standing.account, market, actor, now_ms)]
            if found:
                actor.post(FlattenAsked(time_ms=now_ms, markets=tuple(sorted(found))))

    def _is_due(self, account: AccountId, market: MarketId, actor: AccountActor, now_ms: int) -> bool:
        key = account, market, actor.account.slots[market].held
        due_ms, wait_ms = self._sales.get(key, (0, SALE_AGAIN_MS))
        if now_ms >= due_ms:
            self._sales[key] = now_ms + wait_ms, min(2 * wait_ms, SALE_AGAIN_MAX_MS)
        return now_ms >= due_ms

    def _halted(self, trip: Trip) -> set[Scope]:
        """What a halt is about: a mandate's is its user's."""
        scope, _, _ = read_key(trip.key)
        if scope is LimitScope.PLATFORM:
            return {Scope(ScopeKind.PLATFORM, self._plan.deployment)}
        found = [(s, m) for s in self.limits.standings() for m in s.marks if self.limits.about(trip, s, m)]
        if scope is LimitScope.MARKET:
            return {Scope(ScopeKind.MARKET, market) for _, market in found}
        return {Scope(ScopeKind.USER, standing.user) for standing, _ in found}

    def _stands(self, actor: AccountActor) -> None:
        account, wallet = actor.account.account.id, list(actor.account.wallet)
        if account in self._resuming:
            # As it will stand when it has heard: what a person lets trade on must not be reached again by then.
            limit_step.person_resumed(wallet, actor.account.equity_units())
            if wallet == actor.account.wallet:
                self._resuming.discard(account)
        standing = standing_of(actor, self._strategies, wallet)
        if account in self._resuming:
            # Who is stopped has not heard of today.
            day, week = day_and_week(self._clock.now_ms())
            standing = replace(standing, day=max(day, standing.day), week=max(week, standing.week))
        before, self._told[account] = self._told.get(account), standing
        if standing != before and self.limits.stands(standing):
            # What is held anew has not been asked for.
            self._sales = {key: waits for key, waits in self._sales.items() if key[0] != account}
            self._sell([standing], self._clock.now_ms())


def standing_of(actor: AccountActor, strategies: Mapping[StrategyId, str], wallet: Sequence[int]) -> Standing:
    """An account as limits see it; `wallet` is its own, or as that will be in a moment."""
    account = actor.account
    unit, slots = account.quote_unit, account.slots.values()
    return Standing(
        account=account.account.id,
        user=account.account.user,
        mandate=account.mandate.id,
        strategy=strategies[account.mandate.strategy_id],
        quote=account.quote,
        capital=account.mandate.capital,
        cash=account.cash,
        day=wallet[limit_step.DAY],
        week=wallet[limit_step.WEEK],
        day_equity=wallet[limit_step.DAY_EQUITY] * unit,
        week_equity=wallet[limit_step.WEEK_EQUITY] * unit,
        peak_equity=wallet[limit_step.PEAK_EQUITY] * unit,
        losses=wallet[limit_step.LOSSES],
        cool_until_ms=wallet[limit_step.COOL_UNTIL],
        held={slot.market.id: slot.market.quantity(slot.steps()) for slot in slots if slot.held},
        marks={slot.market.id: slot.market.price(slot.mark) for slot in slots},
        working=frozenset(account.orders),
    )


def with_overrides(mandate: Mandate, overrides: Iterable[Override]) -> Mandate:
    """A mandate of a configuration with what people set of its limits since; but for what can't stand in it any more, as of
    a market that it trades no more: one such limit must not keep the others from anybody."""
    for each in overrides:
        word = each.key.removeprefix(f"mandate.{mandate.id}.")
        if word.partition(".")[0] in LIMIT_WORDS:
            try:
                mandate = replace(mandate, limits=with_limit(mandate.limits, word, each.value))
            except InvalidInput as error:
                log.error("a limit that was set can't stand", limit=each.key, error=str(error))
    return mandate


def in_force(plan: RiskPlan, overrides: Iterable[Override]) -> list[Limit]:
    """The limits of a configuration with what people set since."""
    limits = {limit.key: limit for limit in plan.limits}
    for each in overrides:
        if each.value is None:
            limits.pop(each.key, None)
            continue
        action = limits[each.key].action if each.key in limits else Action.REFUSE
        try:
            scope, name, word = read_key(each.key)
            limits[each.key] = Limit(scope=scope, name=name, word=word, value=each.value, action=action)
        except BadLimit as error:
            log.warning("a limit that was set is not one of this version", error=str(error))
    return list(limits.values())


def _went_out(account: Account, entry: OrderRequest) -> bool:
    """Whether an entry of an account that has just come up had gone out before: it works, or was filled. What the venue has
    not heard of yet is asked for again before it goes."""
    slot, order = account.slots.get(entry.market), account.orders.get(entry.client_order_id)
    if order is not None:
        return order.status is not OrderStatus.INTENT
    return slot is not None and slot.row[step.ENTRY_TIME] >= entry.time_ms


def _of_mandate(standings: Iterable[Standing], limit: Limit) -> Decimal | None:
    """How much of a mandate's limit on sizes is in use."""
    if limit.scope is not LimitScope.MANDATE or limit.kind not in ("market_notional_max", "trade_risk_max"):
        return None
    symbol = limit.word.partition(".")[2]
    own = [each for each in standings if each.mandate == limit.name and symbol]
    worth = (q * each.marks[m] for each in own for m, q in each.held.items() if symbol_of(m) == symbol)
    return sum(worth, Decimal(0)) if own else None
