"""Many users at one address, in virtual time: the real schedule of reads and the real broker, before the limits of the
simulated venue, which counts when a request arrives, by a clock of its own, and would answer 429.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

import ccxt.pro

from tradepool.adapters.exchanges.rate_limits import BINANCE, cost_of, stream_cost
from tradepool.domain.balance import Balance
from tradepool.domain.ids import AccountId
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.ports.exchange import AccountGateway
from tradepool.ports.weights import Answer, Cost, Grant, Limit, Priority, WeightBroker
from tradepool.runtime.clock import VirtualClock
from tradepool.runtime.throttle import Throttle
from tradepool.services.account_reads import EVERY_MS, AccountReads, Exposure, Schedule
from tradepool.simexchange.codecs.binance.request import Parameters
from tradepool.simexchange.codecs.binance.weights import API, CONNECT_WEIGHT, USER_STREAM_WEIGHT, request_cost
from tradepool.simexchange.errors import AddressBanned, TooManyRequests
from tradepool.simexchange.limits import Cost as VenueCost
from tradepool.simexchange.limits import Limiter, Limits

MINUTE_MS = 60_000
START_MS = 1_700_000_000_000 // 300_000 * 300_000 + 17_000
HERE = "one address"
# Our clock is behind the venue's by so much; one way takes between these, now and then ten times as long.
SKEW_MS, FASTEST_S, SLOWEST_S, STUCK = 400, 0.02, 0.15, 0.01
SHARES = {Exposure.OPEN_ORDERS: 0.2, Exposure.POSITION: 0.3, Exposure.IDLE: 0.5}
# Three times as often as we do: reads want more than there is for them, all day long.
EAGER = {**EVERY_MS, Exposure.OPEN_ORDERS: MINUTE_MS}
MARKETS, BOOKS = 40, 20
CCXT = ccxt.pro.binance()

Params = Mapping[str, str | int]


@lru_cache(maxsize=1_000)
def our_cost(method: str, path: str, params: tuple[tuple[str, str | int], ...], key: str) -> Cost:
    """What we believe a request costs: ccxt's table and our corrections, as the pacer has it."""
    section = "private" if key else "public"
    config = CCXT.api[section][method.lower()][path]
    ccxt_cost = CCXT.calculate_rate_limiter_cost(section, method, path, dict(params), config)
    return cost_of("binance", key, section, method, path, dict(params), ccxt_cost)


@dataclass
class Seen:
    """What is measured."""

    used: Counter[int] = field(default_factory=Counter)  # the venue's count at the end of each of its minutes
    refused: int = 0
    waits: dict[Priority, list[int]] = field(default_factory=lambda: {p: [] for p in Priority})
    exits_by_minute: dict[int, list[int]] = field(default_factory=dict)
    behind_ms: list[int] = field(default_factory=list)
    streams: list[tuple[int, Exposure]] = field(default_factory=list)
    reads: Counter[str] = field(default_factory=Counter)

    def percentile(self, priority: Priority, percent: float) -> int:
        """The wait in ms that so many percent of a priority's requests did not exceed."""
        waits = sorted(self.waits[priority])
        return waits[min(len(waits) - 1, int(len(waits) * percent / 100))]


class Wire:
    """The way to the venue and its limits."""

    def __init__(self, broker: WeightBroker, clock: VirtualClock, seed: int, limits: Limits) -> None:
        """All randomness is the seed's."""
        self._broker = broker
        self._clock = clock
        self._random = random.Random(seed)
        self._limiter = Limiter(limits)
        self.seen = Seen()

    async def request(self, priority: Priority, method: str, path: str, params: Params, key: str = "") -> None:
        """One request, there and back."""
        cost = request_cost(method, API + path, Parameters({name: str(value) for name, value in params.items()}))
        grant = await self._broker.acquire(our_cost(method, path, tuple(params.items()), key), priority)
        self._note(grant)
        await self._way()
        answer = self._arrive(lambda now_ms: self._limiter.spend(HERE, key, cost, now_ms), cost, key)
        await self._way()
        self._broker.answered(grant, answer)

    async def connect(self, priority: Priority, *, private: bool) -> None:
        """Open a stream."""
        grant = await self._broker.acquire(stream_cost("binance", private=private), priority)
        await self._way()
        weight = VenueCost(CONNECT_WEIGHT + USER_STREAM_WEIGHT if private else 0)

        def arrive(now_ms: int) -> None:
            self._limiter.connect(HERE, now_ms)
            if private:
                self._limiter.spend(HERE, "", weight, now_ms)

        self._arrive(arrive, weight, "")
        self._broker.answered(grant, None)

    def _arrive(self, count: Callable[[int], None], cost: VenueCost, key: str) -> Answer:
        now_ms, status, headers = self._clock.now_ms() + SKEW_MS, 200, dict[str, str]()
        try:
            count(now_ms)
        except (TooManyRequests, AddressBanned) as refused:
            self.seen.refused += 1
            status, headers = 429, {"Retry-After": str(refused.facts["retry_after_s"])}
        used = self._limiter.used(HERE, key, cost, now_ms)
        self.seen.used[now_ms // MINUTE_MS] = used
        return Answer(status, {**headers, "X-MBX-USED-WEIGHT-1M": str(used)})

    async def _way(self) -> None:
        way_s = self._random.uniform(FASTEST_S, SLOWEST_S)
        await self._clock.sleep(way_s * 10 if self._random.random() < STUCK else way_s)

    def _note(self, grant: Grant) -> None:
        self.seen.waits[grant.priority].append(grant.waited_ms)
        if grant.priority is Priority.EXIT:
            minute = (self._clock.now_ms() - START_MS) // MINUTE_MS
            self.seen.exits_by_minute.setdefault(minute, []).append(grant.waited_ms)


class Reader:
    """As much of a gateway as reading needs."""

    def __init__(self, account: AccountId, wire: Wire) -> None:
        """One account."""
        self._account = account
        self._wire = wire

    async def balances(self) -> Sequence[Balance]:
        """One read."""
        await self._wire.request(Priority.READ, "GET", "account", {}, self._account)
        self._wire.seen.reads[self._account] += 1
        return ()


def exposures(users: int) -> dict[AccountId, Exposure]:
    """So many users, and what each has at stake, in the fixed shares."""
    most = [Exposure.OPEN_ORDERS] * round(SHARES[Exposure.OPEN_ORDERS] * users)
    some = [Exposure.POSITION] * round(SHARES[Exposure.POSITION] * users)
    rest = [Exposure.IDLE] * (users - len(most) - len(some))
    return {AccountId(f"u{n}"): exposure for n, exposure in enumerate((*most, *some, *rest))}


class Crowd:
    """The users, the market data and a bad day."""

    def __init__(self, users: int, minutes: int, seed: int, clock: VirtualClock, wire: Wire) -> None:
        """Exposure is dealt out in fixed shares."""
        self._clock = clock
        self._wire = wire
        self._random = random.Random(seed + 1)
        self._end_ms = START_MS + minutes * MINUTE_MS
        self.users = exposures(users)
        gateways = {account: cast("AccountGateway", Reader(account, wire)) for account in self.users}
        self.reads = AccountReads(gateways, clock, Schedule(EAGER))
        self._tasks: list[asyncio.Task[Any]] = []

    async def run(self) -> None:
        """From the start of the platform to the end of the day."""
        self._go(self.reads.run())
        self._go(self._market_data())
        self._go(self._bring_up())
        self._go(self._trade())
        for account, exposure in self.users.items():
            self.reads.watch(account, exposure)
        await self._clock.sleep((self._end_ms - self._clock.now_ms()) / 1_000)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _go(self, work: Any) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _bring_up(self) -> None:
        """Everybody's user stream at once, the most exposed first."""

        async def open_one(account: AccountId, exposure: Exposure) -> None:
            await self._wire.connect(Priority.READ, private=True)
            self._wire.seen.streams.append((self._clock.now_ms() - START_MS, exposure))
            self.reads.mended(account)

        for account, exposure in sorted(self.users.items(), key=lambda pair: pair[1]):
            self._go(open_one(account, exposure))

    async def _market_data(self) -> None:
        """Candles and books come by stream; it breaks once a minute or so, and what was missed is fetched."""
        while True:
            await self._clock.sleep(self._random.uniform(31, 90))
            broke_ms = self._clock.now_ms()
            await self._wire.connect(Priority.DATA, private=False)
            candles: list[tuple[str, Params]] = [
                ("klines", {"symbol": f"M{n}USDT", "limit": 100}) for n in range(MARKETS)
            ]
            books: list[tuple[str, Params]] = [("depth", {"symbol": f"M{n}USDT", "limit": 500}) for n in range(BOOKS)]
            await asyncio.gather(
                *(self._wire.request(Priority.DATA, "GET", path, params) for path, params in (*candles, *books))
            )
            self._wire.seen.behind_ms.append(self._clock.now_ms() - broke_ms)

    async def _trade(self) -> None:
        """Exits all the time, entries with each closed candle, and in the worst second of a minute everybody out."""
        exposed = [account for account, exposure in self.users.items() if exposure is not Exposure.IDLE]
        crash_ms = self._end_ms - 2 * MINUTE_MS + (55_000 - self._end_ms % MINUTE_MS)
        while True:
            await self._clock.sleep(self._random.expovariate(len(exposed) / 250))
            self._go(self._exit(self._random.choice(exposed)))
            if self._random.random() < 0.2:
                self._go(self._enter(self._random.choice(list(self.users))))
            if crash_ms <= self._clock.now_ms() < self._end_ms:
                crash_ms = self._end_ms
                for account in exposed:
                    self._go(self._exit(account))

    async def _exit(self, account: AccountId) -> None:
        """Take the resting stop away, then sell."""
        for method in ("DELETE", "POST"):
            await self._wire.request(Priority.EXIT, method, "order", {"symbol": "M1USDT"}, account)

    async def _enter(self, account: AccountId) -> None:
        """Buy, and protect it."""
        await self._wire.request(Priority.ENTRY, "POST", "order", {"symbol": "M1USDT"}, account)
        await self._wire.request(Priority.EXIT, "POST", "order", {"symbol": "M1USDT"}, account)


def day(users: int, minutes: int, seed: int, limits: Sequence[Limit] = BINANCE) -> Seen:
    """So many users for so many virtual minutes from the platform's start; `limits` are what the broker keeps."""

    async def main(selector: IdleSelector) -> Seen:
        clock = VirtualClock(START_MS)
        wire = Wire(Throttle(limits, clock), clock, seed, Limits())
        crowd = Crowd(users, minutes, seed, clock, wire)

        def on_idle() -> bool:
            wake_ms = clock.next_wake_ms()
            if wake_ms is not None:
                clock.advance_to(wake_ms)
            return wake_ms is not None

        selector.on_idle = on_idle
        try:
            await crowd.run()
        finally:
            selector.on_idle = None
        return wire.seen

    return run_in_lock_step(main)
