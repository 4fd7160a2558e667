"""Reading accounts as often as their exposure asks for, and not at all what the user stream has told already.

`Schedule` is pure: which account is due, in what order. Who is due goes by when it would be half an interval late, so
that those with much at stake come first, yet when the budget is too small for all, all are late and nobody is left out.
`AccountReads` asks the gateways and keeps the answers, each
with the time it is from.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial

from tradepool.domain.balance import Balance
from tradepool.domain.errors import VenueError
from tradepool.domain.ids import AccountId
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import AccountGateway
from tradepool.runtime import telemetry
from tradepool.runtime.supervise import Supervisor

MINUTE_MS = 60_000
TICK_S = 1.0
RETRY_MS = 10_000
READING_MAX = 32

log = telemetry.logger(__name__)

Look = Callable[[AccountId], Awaitable[None]]
OnFailed = Callable[[AccountId, Exception], None]


class Exposure(IntEnum):
    """How much an account has at stake, the most first."""

    OPEN_ORDERS = 0
    POSITION = 1
    IDLE = 2


EVERY_MS: Mapping[Exposure, int] = {
    Exposure.OPEN_ORDERS: 3 * MINUTE_MS,
    Exposure.POSITION: 5 * MINUTE_MS,
    Exposure.IDLE: 30 * MINUTE_MS,
}
# An account whose stream is broken is read at least so often: nobody else tells of a deposit.
BLIND_EVERY_MS = 5 * MINUTE_MS


@dataclass(slots=True)
class _Watched:
    """`since_ms`: since when its stream tells everything, None while it is broken; `as_of_ms`: when it was read."""

    exposure: Exposure
    due_ms: int
    ticket: int = 0
    since_ms: int | None = None
    as_of_ms: int | None = None

    @property
    def told(self) -> bool:
        return self.since_ms is not None and self.as_of_ms is not None and self.as_of_ms >= self.since_ms


class Schedule:
    """When each account is to be read.

    >>> schedule = Schedule()
    >>> for name, exposure in (("idle", Exposure.IDLE), ("long", Exposure.POSITION), ("busy", Exposure.OPEN_ORDERS)):
    ...     schedule.watch(AccountId(name), exposure, 0)
    >>> schedule.take(0, 9)
    ['busy', 'long', 'idle']
    >>> for name in ("busy", "long", "idle"):
    ...     schedule.mended(AccountId(name), 0)
    ...     schedule.done(AccountId(name), 0)
    >>> def read(now_ms: int) -> list[AccountId]:
    ...     taken = schedule.take(now_ms, 9)
    ...     for account in taken:
    ...         schedule.done(account, now_ms)
    ...     return taken
    >>> [(minute, due) for minute in range(1, 7) if (due := read(minute * 60_000))]
    [(3, ['busy']), (5, ['long']), (6, ['busy'])]
    """

    def __init__(self, every_ms: Mapping[Exposure, int] = EVERY_MS) -> None:
        """Nobody is watched yet."""
        self._every_ms = every_ms
        self._accounts: dict[AccountId, _Watched] = {}
        self._waiting: list[tuple[int, int, AccountId]] = []  # by when they are due
        self._ready: list[tuple[int, Exposure, int, AccountId]] = []  # by when they are late
        self._tickets = itertools.count(1)

    def watch(self, account: AccountId, exposure: Exposure, now_ms: int) -> None:
        """Watch an account from now on, or say that its exposure has changed; a new one is due at once."""
        known = self._accounts.get(account)
        if known is None:
            self._accounts[account] = _Watched(exposure, now_ms)
            self._queue(account, self._accounts[account], late_ms=now_ms)
        elif known.exposure is not exposure:
            more, known.exposure = exposure < known.exposure, exposure
            if known.as_of_ms is not None:
                every_ms = self._interval_ms(known)
                # Whoever has just ordered has been told of it: he is read an interval later, not in the rush of all.
                due_ms = min(known.due_ms, now_ms + every_ms) if more else max(now_ms, known.as_of_ms + every_ms)
                known.due_ms = due_ms
                self._queue(account, known)

    def forget(self, account: AccountId) -> None:
        """Watch it no more."""
        self._accounts.pop(account, None)

    def broke(self, account: AccountId, now_ms: int) -> None:
        """Its stream is broken: what it did not tell is read at once."""
        known = self._accounts.get(account)
        if known is not None and known.since_ms is not None:
            known.since_ms, known.due_ms = None, now_ms
            self._queue(account, known, late_ms=now_ms)

    def mended(self, account: AccountId, now_ms: int) -> None:
        """Its stream tells everything again from `now_ms` on; what was read before that is read once more."""
        known = self._accounts.get(account)
        if known is not None and known.since_ms is None:
            known.since_ms = now_ms
            known.due_ms = known.due_ms if known.told else now_ms
            self._queue(account, known)

    def done(self, account: AccountId, as_of_ms: int) -> None:
        """It was read."""
        known = self._accounts.get(account)
        if known is not None:
            known.as_of_ms = as_of_ms
            blind = known.since_ms is not None and not known.told
            known.due_ms = as_of_ms if blind else as_of_ms + self._interval_ms(known)
            self._queue(account, known)

    def later(self, account: AccountId, due_ms: int) -> None:
        """It could not be read; try again then."""
        known = self._accounts.get(account)
        if known is not None:
            known.due_ms = due_ms
            self._queue(account, known)

    def unbroken(self, account: AccountId) -> bool:
        """Whether its stream has told everything since the last read."""
        known = self._accounts.get(account)
        return known is not None and known.told

    def is_due(self, now_ms: int) -> bool:
        """Whether anybody is to be read now."""
        return bool(self._ready) or (bool(self._waiting) and self._waiting[0][0] <= now_ms)

    def take(self, now_ms: int, most: int) -> list[AccountId]:
        """Who is due, the first to be late first; each is handed out once until it is done."""
        while self._waiting and self._waiting[0][0] <= now_ms:
            due_ms, ticket, account = heapq.heappop(self._waiting)
            known = self._accounts.get(account)
            if known is not None and known.ticket == ticket:
                late_ms = due_ms + self._every_ms[known.exposure] // 2
                heapq.heappush(self._ready, (late_ms, known.exposure, ticket, account))
        taken: list[AccountId] = []
        while self._ready and len(taken) < most:
            _, _, ticket, account = heapq.heappop(self._ready)
            known = self._accounts.get(account)
            if known is not None and known.ticket == ticket:
                taken.append(account)
        return taken

    def _interval_ms(self, known: _Watched) -> int:
        every_ms = self._every_ms[known.exposure]
        return every_ms if known.since_ms is not None else min(every_ms, BLIND_EVERY_MS)

    def _queue(self, account: AccountId, known: _Watched, late_ms: int | None = None) -> None:
        known.ticket = next(self._tickets)
        if late_ms is None:
            heapq.heappush(self._waiting, (known.due_ms, known.ticket, account))
        else:
            heapq.heappush(self._ready, (late_ms, known.exposure, known.ticket, account))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What an account holds, as the venue said at `as_of_ms`; `unbroken`: its stream has told of no change since."""

    account: AccountId
    balances: Sequence[Balance]
    as_of_ms: int
    unbroken: bool


@dataclass(slots=True)
class _Known:
    """When something was said last, when the venue was asked for the whole, and each asset with its own time."""

    as_of_ms: int
    read_ms: int
    assets: dict[str, tuple[int, Balance]]


class AccountReads:
    """Reads the accounts of one venue by the schedule."""

    def __init__(
        self,
        gateways: Mapping[AccountId, AccountGateway],
        clock: Clock,
        schedule: Schedule,
        look: Look | None = None,
        on_failed: OnFailed = lambda account, error: None,
    ) -> None:
        """`gateways` may grow and shrink; an account is read while it is in there and watched.

        `look` asks what became of an account's orders, with each read; what it holds is then asked for only where the
        stream does not tell it. `on_failed` hears what no later try will mend.
        """
        self._look = look
        self._on_failed = on_failed
        self._gateways = gateways
        self._clock = clock
        self._schedule = schedule
        self._reading: set[AccountId] = set()
        self._known: dict[AccountId, _Known] = {}
        self._supervisor = Supervisor()

    async def run(self) -> None:
        """Read what is due, for ever."""
        try:
            while True:
                self.read_due()
                await self._clock.sleep(TICK_S)
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End the reads that are under way."""
        await self._supervisor.stop()

    def is_due(self) -> bool:
        """Whether anybody is to be read now."""
        return self._schedule.is_due(self._clock.now_ms())

    def read_due(self) -> None:
        """Begin to read whoever is due."""
        for account in self._schedule.take(self._clock.now_ms(), READING_MAX - len(self._reading)):
            if account not in self._reading:
                self._reading.add(account)
                self._supervisor.start(f"read {account}", self._due(account), partial(self._failed, account))

    def watch(self, account: AccountId, exposure: Exposure) -> None:
        """Watch an account, or say that its exposure has changed."""
        self._schedule.watch(account, exposure, self._clock.now_ms())

    def forget(self, account: AccountId) -> None:
        """Watch it no more, and keep nothing of it."""
        self._schedule.forget(account)
        self._known.pop(account, None)

    def lost(self, account: AccountId) -> None:
        """Its user stream broke: it is read at once."""
        self._schedule.broke(account, self._clock.now_ms())
        self.read_due()

    def mended(self, account: AccountId) -> None:
        """Its user stream tells everything again."""
        self._schedule.mended(account, self._clock.now_ms())
        self.read_due()

    def streamed(self, account: AccountId, balances: Sequence[Balance], time_ms: int | None = None) -> None:
        """The stream told what the account holds of some assets, at the venue's `time_ms` (None: now)."""
        known, now_ms = self._known.get(account), self._clock.now_ms()
        if known is None:
            return
        as_of_ms = now_ms if time_ms is None else min(time_ms, now_ms)
        known.as_of_ms = max(known.as_of_ms, as_of_ms)
        for balance in balances:
            told = known.assets.get(balance.asset)
            if told is None or told[0] <= as_of_ms:
                known.assets[balance.asset] = (as_of_ms, balance)

    def holdings(self, account: AccountId) -> Holdings | None:
        """What is known without asking; None when the account was not read yet."""
        known = self._known.get(account)
        if known is None:
            return None
        balances = tuple(balance for _, balance in known.assets.values())
        unbroken = self._schedule.unbroken(account)
        return Holdings(account=account, balances=balances, as_of_ms=known.as_of_ms, unbroken=unbroken)

    async def for_deposits(self, account: AccountId) -> Holdings | None:
        """What the deposit check looks at: what the stream told while it is unbroken, else the venue's answer now."""
        if not self._schedule.unbroken(account):
            await self._read(account)
        return self.holdings(account)

    async def anew(self, account: AccountId) -> Holdings | None:
        """What the venue says now that an account holds, whatever its stream has told. VenueError."""
        gateway = self._gateways.get(account)
        if gateway is not None:
            await self._read_balances(account, gateway, self._clock.now_ms())
        return self.holdings(account)

    def _failed(self, account: AccountId, task: str, error: Exception) -> None:
        self._schedule.forget(account)
        self._on_failed(account, error)

    async def _due(self, account: AccountId) -> None:
        try:
            await self._read(account)
        except VenueError as error:
            if not error.transient:
                raise
            log.warning("an account can't be read", account=account, error=str(error))
            self._schedule.later(account, self._clock.now_ms() + RETRY_MS)
        finally:
            self._reading.discard(account)
        self.read_due()

    async def _read(self, account: AccountId) -> None:
        gateway = self._gateways.get(account)
        if gateway is None:
            return
        # The answer is at least as new as the moment it was asked for; what streamed meanwhile is newer than it.
        asked_ms = self._clock.now_ms()
        if self._look is not None:
            await self._look(account)
        if self._look is None or not self._told_lately(account, asked_ms):
            await self._read_balances(account, gateway, asked_ms)
        self._schedule.done(account, asked_ms)

    def _told_lately(self, account: AccountId, now_ms: int) -> bool:
        """Whether its unbroken stream need not be compared with the venue's word on what it holds yet."""
        known = self._known.get(account)
        lately = known is not None and now_ms - known.read_ms < EVERY_MS[Exposure.IDLE]
        return lately and self._schedule.unbroken(account)

    async def _read_balances(self, account: AccountId, gateway: AccountGateway, asked_ms: int) -> None:
        self.took(account, await gateway.balances(), asked_ms)

    def took(self, account: AccountId, balances: Sequence[Balance], asked_ms: int) -> None:
        """The venue's word on all that an account holds, asked for then."""
        assets = {balance.asset: (asked_ms, balance) for balance in balances}
        known = self._known.get(account)
        newer = {asset: told for asset, told in known.assets.items() if told[0] > asked_ms} if known else {}
        self._known[account] = _Known(asked_ms, asked_ms, {**assets, **newer})
