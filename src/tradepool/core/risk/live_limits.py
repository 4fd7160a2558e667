"""Limits above one mandate, asked just before an entry leaves: is there room left on the platform, for its user, its
strategy, its market, and among markets that move together; is what it was decided on fresh and sane.

Pure: accounts, candles and the time are told, each entry is asked for and, if it may go, admitted: it counts from then on.
Sums are kept as accounts change, so that asking costs the same for one account and for a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache

from tradepool.core.risk.standing import Broken, Denied, Standing, day_and_week, quote_of, symbol_of
from tradepool.core.risk.tally import ZERO, KnownMarket, Tally
from tradepool.domain.denial import Denial
from tradepool.domain.ids import AccountId, ClientOrderId, MarketId, UserId
from tradepool.domain.limit import Action, Limit, LimitScope, Trip, read_key
from tradepool.domain.order import OrderRequest

MINUTE_MS = 60_000

Key = tuple[LimitScope, str]


class LiveLimits:
    """All accounts of a platform before its limits. `trips` are those that hold entries back until they end.

    `peaks` are, by limit and account, what an account had gained when its scope's equity was highest. So an account that is
    not up yet, or no more, is left out of both sides, and capital that is given or taken is neither gain nor loss.
    """

    def __init__(self) -> None:
        """No limits, no accounts."""
        self.limits: Sequence[Limit] = ()
        self.trips: dict[tuple[str, str], Trip] = {}
        self.peaks: dict[tuple[str, str], Decimal] = {}
        self._unsaved: set[tuple[str, str]] = set()
        self._by_key: dict[Key, list[Limit]] = {}
        self._clusters: Mapping[str, frozenset[MarketId]] = {}
        self._standings: dict[AccountId, Standing] = {}
        self._mandates: dict[str, AccountId] = {}
        self._entering: dict[AccountId, dict[MarketId, Decimal]] = {}
        self._admitted: dict[AccountId, dict[ClientOrderId, OrderRequest]] = {}
        self._tallies: dict[Key, Tally] = {}
        self._markets: dict[MarketId, KnownMarket] = {}
        self._balances_ms: dict[AccountId, int] = {}
        self._day = self._week = 0

    def use(self, limits: Iterable[Limit], clusters: Mapping[str, frozenset[MarketId]]) -> None:
        """These are the limits from now on."""
        order = list(LimitScope)
        self.limits = sorted(limits, key=lambda limit: (order.index(limit.scope), limit.key))
        self._by_key = {}
        for limit in self.limits:
            self._by_key.setdefault((limit.scope, limit.name), []).append(limit)
        if clusters != self._clusters:
            standings = list(self._standings.values())
            for standing in standings:
                self._count(standing, -1)
            self._clusters = clusters
            for standing in standings:
                self._count(standing, 1)

    # ---- what is told

    def candle(self, market: MarketId, close: float, close_time_ms: int, volume: float) -> None:
        """A candle closed."""
        known = self._markets.setdefault(market, KnownMarket())
        if known.time_ms is not None:
            known.before = known.close
        known.close, known.time_ms = Decimal(repr(close)), close_time_ms
        known.begins(close_time_ms)
        known.volumes.append(Decimal(repr(volume)))

    def stands(self, standing: Standing) -> bool:
        """An account has changed. Admitted entries that work no more are over: filled, they are held. Whether it holds what it
        did not, or was not known."""
        self._turn(standing.day, standing.week)
        account, before = standing.account, self._standings.get(standing.account)
        admitted = {name: order for name, order in self._orders(account).items() if name in standing.working}
        self._admitted[account] = admitted
        self._mandates[standing.mandate] = account
        entering = {
            order.market: order.quantity - held
            for order in admitted.values()
            if (held := standing.held.get(order.market, ZERO)) < order.quantity
        }
        for market, mark in standing.marks.items():
            known = self._markets.setdefault(market, KnownMarket())
            known.close = known.close or mark
        standing = self._begun(standing, before)
        same = before is not None and before.sums == standing.sums and self._entering[account] == entering
        if before is not None and not same:
            self._count(before, -1)
        self._standings[account], self._entering[account] = standing, entering
        for key in self._above(standing):
            if (_fall_of(key), account) not in self.peaks:
                self._gained(key, standing)
        if not same:
            self._count(standing, 1)
        return before is None or not standing.held.keys() <= before.held.keys()

    def _turn(self, day: int, week: int) -> None:
        """A day or a week begins, for everybody: who has not heard of it, or never will as he is stopped, begins it as he
        stands now."""
        if day > self._day or week > self._week:
            self._day, self._week = max(day, self._day), max(week, self._week)
            for standing in list(self._standings.values()):
                self.stands(standing)

    def _begun(self, standing: Standing, before: Standing | None) -> Standing:
        """What has begun for it already holds: its losses since count, though its own account does not know of the day."""
        day = week = standing.cash + self._worth_of(standing)
        if before is not None:
            day = before.day_equity if before.day == self._day else day
            week = before.week_equity if before.week == self._week else week
        if standing.day < self._day:
            standing = replace(standing, day=self._day, day_equity=day)
        return replace(standing, week=self._week, week_equity=week) if standing.week < self._week else standing

    def _worth_of(self, standing: Standing) -> Decimal:
        return sum((q * self._markets[market].close for market, q in standing.held.items()), ZERO)

    def balances(self, account: AccountId, time_ms: int) -> None:
        """The venue told what an account holds."""
        self._balances_ms[account] = time_ms

    def works_before(self, account: AccountId, entries: Iterable[OrderRequest]) -> None:
        """Entries that went out before a restart: those that work still count from when the account stands here."""
        self._admitted[account] = {**self._orders(account), **{each.client_order_id: each for each in entries}}

    def sent_before(self, request: OrderRequest) -> None:
        """An entry that went out before a restart: it counts in the rates."""
        for key in self._keys(self._standings[request.account], request.market):
            self._tallies.setdefault(key, Tally()).sent.append(request.time_ms)

    def took_before(self, entry: OrderRequest) -> None:
        """An entry that went out before a restart and was not refused: on its candle it took of what the market trades."""
        market = self._markets.setdefault(entry.market, KnownMarket())
        if market.time_ms is None or entry.time_ms >= market.time_ms:
            market.takes(entry)

    def _count(self, standing: Standing, sign: int) -> None:
        entering = self._entering[standing.account]
        for market in {**standing.held, **entering}:
            held, more = standing.held.get(market, ZERO), entering.get(market, ZERO)
            for key in self._keys(standing, market):
                tally = self._tallies.setdefault(key, Tally())
                tally.held[market] = tally.held.get(market, ZERO) + sign * held
                tally.entering[market] = tally.entering.get(market, ZERO) + sign * more
                tally.positions += sign
        for key in self._people(standing):
            money = self._tallies.setdefault(key, Tally()).money.setdefault(standing.quote, [ZERO] * 4)
            highest = standing.capital + self.peaks.get((_fall_of(key), standing.account), ZERO)
            for at, amount in enumerate((standing.cash, standing.day_equity, standing.week_equity, highest)):
                money[at] += sign * amount

    def _gained(self, key: Key, standing: Standing) -> None:
        """An account's equity is now what a scope's fall is measured from."""
        self.peaks[_fall_of(key), standing.account] = standing.cash + self._worth_of(standing) - standing.capital
        self._unsaved.add((_fall_of(key), standing.account))

    def _above(self, standing: Standing) -> Iterator[Key]:
        yield LimitScope.PLATFORM, ""
        yield LimitScope.USER, standing.user

    def _people(self, standing: Standing) -> Iterator[Key]:
        yield from self._above(standing)
        yield LimitScope.MANDATE, standing.mandate

    def _keys(self, standing: Standing, market: MarketId) -> Iterator[Key]:
        yield from self._people(standing)
        yield LimitScope.STRATEGY, standing.strategy
        yield LimitScope.MARKET, symbol_of(market)
        for name, markets in self._clusters.items():
            if market in markets:
                yield LimitScope.CLUSTER, _of_user(name, standing.user)

    # ---- what is asked

    def ask(self, entry: OrderRequest, now_ms: int) -> Denied | None:
        """Whether an entry of an account that stands here may go out now: None, or why not."""
        standing = self._standings[entry.account]
        for trip in self.trips.values():
            holds_back = trip.until_ms > now_ms and trip.action in (Action.REDUCE_ONLY, Action.FLATTEN)
            if holds_back and self.about(trip, standing, entry.market):
                return Denied(Denial.REDUCE_ONLY)
        for limit in self._about(standing, entry.market):
            figure = self.figure(limit, now_ms, entry)
            if figure is not None and _reached(limit, figure):
                user = standing.user if limit.scope is LimitScope.CLUSTER else ""
                return Denied(limit.denial, Broken(limit, figure, user))
        return None

    def _about(self, standing: Standing, market: MarketId) -> Iterator[Limit]:
        """The limits above an account's mandate that speak of a market, those of the widest scope first."""
        own = ((LimitScope.USER, standing.user), (LimitScope.STRATEGY, standing.strategy))
        for key in ((LimitScope.PLATFORM, ""), *own, (LimitScope.MARKET, symbol_of(market))):
            yield from self._by_key.get(key, ())
        for name, markets in self._clusters.items():
            if market in markets:
                yield from self._by_key.get((LimitScope.CLUSTER, name), ())

    def admit(self, entry: OrderRequest, now_ms: int) -> None:
        """An entry goes out: from now on it counts. Again is harmless."""
        name, standing = entry.client_order_id, self._standings[entry.account]
        self._markets.setdefault(entry.market, KnownMarket()).takes(entry)
        if name in self._orders(entry.account):
            return
        self._admitted[entry.account] = {**self._orders(entry.account), name: entry}
        self.stands(replace(standing, working=standing.working | {name}))
        for key in self._keys(standing, entry.market):
            self._tallies[key].sent.append(now_ms)

    def look(self, now_ms: int) -> list[Broken]:
        """Limits on losses that are reached now; those that are known to be are left out."""
        found = []
        for limit in self.limits:
            if limit.meaning.falls:
                trip, figure = self.trips.get((limit.key, "")), self.figure(limit, now_ms)
                tripped = trip is not None and trip.until_ms > now_ms
                if not tripped and figure is not None and _reached(limit, figure):
                    found.append(Broken(limit, figure))
        return found

    def higher(self) -> dict[tuple[str, str], Decimal]:
        """Where scopes with a limit on their fall have never been higher: what each account had gained, to be kept."""
        wanted = {limit.key: (limit.scope, limit.name) for limit in self.limits if limit.kind == "drawdown_max"}
        for key in wanted.values():
            tally = self._tallies.get(key, Tally())
            for quote, money in tally.money.items():
                if key[0] is not LimitScope.MANDATE and self._equity(tally, quote) > money[3]:
                    self.measure_from_now(*key, quote)
        grown = {name: self.peaks[name] for name in sorted(self._unsaved) if name[0] in wanted}
        self._unsaved -= set(grown)
        return grown

    def measure_from_now(self, scope: LimitScope, name: str, quote: str | None = None) -> None:
        """A scope's fall is measured from how it stands now, in one quote asset or in all."""
        for standing in self._standings.values():
            if (scope, name) in self._above(standing) and quote in (None, standing.quote):
                self._count(standing, -1)
                self._gained((scope, name), standing)
                self._count(standing, 1)

    def about(self, trip: Trip, standing: Standing, market: MarketId) -> bool:
        """Whether a limit that was reached is about what an account has on a market."""
        scope, name, _ = read_key(trip.key)
        return trip.user in ("", standing.user) and self.covers(scope, name, standing, market)

    def covers(self, scope: LimitScope, name: str, standing: Standing, market: MarketId) -> bool:
        """Whether an account's entry on a market is meant."""
        match scope:
            case LimitScope.USER:
                return name == standing.user
            case LimitScope.STRATEGY:
                return name == standing.strategy
            case LimitScope.MANDATE:
                return name == standing.mandate
            case LimitScope.MARKET:
                return name == symbol_of(market)
            case LimitScope.CLUSTER:
                return market in self._clusters.get(name, frozenset())
        return True

    def standings(self) -> Iterable[Standing]:
        """Every account, as it was told last."""
        return self._standings.values()

    # ---- figures

    def figure(self, limit: Limit, now_ms: int, entry: OrderRequest | None = None) -> Decimal | None:
        """How much of a limit is in use, an entry that is asked for included; None where that has no answer.

        Without an entry, a cluster's is that of the user who has the most of it.
        """
        if limit.meaning.falls:
            return self._fall(limit, now_ms)
        if limit.kind in ("exposure_max", "positions_max", "orders_per_minute_max"):
            names = [limit.name]
            if limit.scope is LimitScope.CLUSTER:
                users = {self._standings[entry.account].user} if entry is not None else self._users()
                names = [_of_user(limit.name, user) for user in users]
            tallies = [self._tallies.get((limit.scope, name), Tally()) for name in names]
            return max((self._sum(limit.kind, tally, now_ms, entry) for tally in tallies), default=ZERO)
        return self._fresh(limit, now_ms, entry) if entry is not None else self._age(limit, now_ms)

    def _users(self) -> set[UserId]:
        return {standing.user for standing in self._standings.values()}

    def _sum(self, kind: str, tally: Tally, now_ms: int, entry: OrderRequest | None) -> Decimal:
        new = entry if entry is not None and entry.client_order_id not in self._orders(entry.account) else None
        if kind == "positions_max":
            return Decimal(tally.positions + (new is not None and not self._counts(new)))
        if kind == "orders_per_minute_max":
            while tally.sent and tally.sent[0] <= now_ms - MINUTE_MS:
                tally.sent.popleft()
            return Decimal(len(tally.sent) + (new is not None))
        quote = quote_of(entry.market) if entry is not None else None
        worth = sum(
            (
                (quantity + tally.entering.get(market, ZERO)) * self._markets[market].close
                for market, quantity in tally.held.items()
                if quote in (None, quote_of(market))
            ),
            ZERO,
        )
        return worth + (self._worth(new) if new is not None else ZERO)

    def _orders(self, account: AccountId) -> Mapping[ClientOrderId, OrderRequest]:
        return self._admitted.get(account, {})

    def _counts(self, entry: OrderRequest) -> bool:
        return entry.market in self._standings[entry.account].held or entry.market in self._entering[entry.account]

    def _worth(self, entry: OrderRequest) -> Decimal:
        return entry.quantity * (entry.price or self._markets[entry.market].close)

    def _fresh(self, limit: Limit, now_ms: int, entry: OrderRequest) -> Decimal | None:
        market = self._markets.setdefault(entry.market, KnownMarket())
        match limit.kind:
            case "order_notional_max":
                return self._worth(entry)
            case "price_age_max_s":
                return _age_s(market.time_ms, now_ms)
            case "balance_age_max_s":
                return _age_s(self._balances_ms.get(entry.account), now_ms)
            case "price_band_max":
                moves = [abs(market.close - before) / before for before in (market.before,) if before]
                moves += [abs(entry.price - market.close) / market.close] if entry.price and market.close else []
                return max(moves, default=None)
            case "volume_share_max":
                mean = sum(market.volumes, ZERO) / max(1, len(market.volumes))
                # All that a close makes go out shares what the market can take, whoever's it is.
                mine = ZERO if (entry.account, entry.client_order_id) in market.takers else entry.quantity
                return (market.taken + mine) / mean if mean else None
        return None

    def _age(self, limit: Limit, now_ms: int) -> Decimal | None:
        """How old the oldest is that a limit on age may speak of; None for a limit that is about one entry alone."""
        times: list[int | None] = []
        if limit.kind == "price_age_max_s":
            times = [m.time_ms for id_, m in self._markets.items() if limit.name in ("", symbol_of(id_))]
        elif limit.kind == "balance_age_max_s":
            accounts = [s.account for s in self._standings.values() if limit.name in ("", s.user)]
            times = [self._balances_ms.get(account) for account in accounts]
        return max((_age_s(each, now_ms) for each in times if each is not None), default=None)

    def _fall(self, limit: Limit, now_ms: int) -> Decimal | None:
        """A loss as a share; of a streak, how many trades were lost in a row."""
        self._turn(*day_and_week(now_ms))
        tally = self._tallies.get((limit.scope, limit.name))
        if tally is None:
            return None
        own = self._own(limit)
        if limit.kind == "loss_streak_max":
            if own is None:
                return None
            return limit.value if now_ms < own.cool_until_ms else Decimal(own.losses)
        falls = []
        for quote, (_, day, week, highest) in tally.money.items():
            peak = own.peak_equity if own is not None else highest
            before = {"daily_loss_max": day, "weekly_loss_max": week, "drawdown_max": peak}[limit.kind]
            if before > 0:
                falls.append(max(ZERO, before - self._equity(tally, quote)) / before)
        return max(falls, default=ZERO)

    def _own(self, limit: Limit) -> Standing | None:
        """The account of a limit of a mandate."""
        if limit.scope is not LimitScope.MANDATE:
            return None
        account = self._mandates.get(limit.name)
        return None if account is None else self._standings[account]

    def _equity(self, tally: Tally, quote: str) -> Decimal:
        """Cash and positions at the last closes."""
        worth = (q * self._markets[market].close for market, q in tally.held.items() if quote_of(market) == quote)
        return tally.money[quote][0] + sum(worth, ZERO)


@cache
def _fall_of(key: Key) -> str:
    """The limit on the fall of a scope."""
    return ".".join(part for part in (key[0].value, key[1], "drawdown_max") if part)


def _of_user(cluster: str, user: str) -> str:
    return f"{cluster} of {user}"


def _age_s(time_ms: int | None, now_ms: int) -> Decimal:
    """Seconds; what was never told is older than any limit."""
    return Decimal("Infinity") if time_ms is None else Decimal(max(0, now_ms - time_ms)) / 1_000


def _reached(limit: Limit, figure: Decimal) -> bool:
    return figure >= limit.value if limit.meaning.falls else figure > limit.value
