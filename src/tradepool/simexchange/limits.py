"""How much the venue takes from an address or an account, counted in fixed windows of its virtual time.

A window begins at a whole multiple of its interval (the 1 MINUTE window at :00), and everybody's count is zero again
then. What exceeds a limit is counted too, as the real venue counts it. Without `Limits` nothing is counted at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Annotated, NamedTuple

import msgspec

from tradepool.simexchange.errors import AddressBanned, TooManyOrders, TooManyRequests
from tradepool.simexchange.records import Order, Trade

SECOND_MS, MINUTE_MS, DAY_MS = 1_000, 60_000, 86_400_000


Whole = Annotated[int, msgspec.Meta(ge=1)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every limit of a venue; the defaults are Binance spot's.

    Known from its documentation: all but `strikes_max` (how many requests it lets pass with a 429 in one minute
    before it bans) and the bans between the first (2 minutes) and the last (3 days).
    """

    weight_per_minute: Whole = 6_000
    requests_per_5_minutes: Whole = 61_000
    wallet_weight_per_minute: Whole = 12_000
    wallet_account_weight_per_minute: Whole = 180_000
    orders_per_10_seconds: Whole = 100
    orders_per_day: Whole = 200_000
    connections_per_5_minutes: Whole = 300
    messages_per_second: Whole = 5
    streams_max: Whole = 1_024
    strikes_max: Whole = 10
    bans_s: Annotated[tuple[Whole, ...], msgspec.Meta(min_length=1)] = (120, 600, 3_600, 21_600, 86_400, 259_200)


BINANCE = Limits()


class Window:
    """One limit: counts of everybody in the current interval.

    >>> window = Window("orders", 10_000, 2)
    >>> [window.add("ann", 1, now_ms) for now_ms in (9_998, 9_999, 10_000)], window.ends_in_s(10_000)
    ([1, 2, 1], 10)
    """

    __slots__ = ("_counts", "_number", "interval_ms", "limit", "what")

    def __init__(self, what: str, interval_ms: int, limit: int) -> None:
        """Nothing is counted yet; `what` is counted, in the venue's words."""
        self.what, self.interval_ms, self.limit = what, interval_ms, limit
        self._number = -1
        self._counts: Counter[Hashable] = Counter()

    def count(self, who: Hashable, now_ms: int) -> int:
        """How much is used in the window of that time."""
        return self._counts[who] if now_ms // self.interval_ms == self._number else 0

    def add(self, who: Hashable, amount: int, now_ms: int) -> int:
        """Use so much, or give it back (never below zero); answers with what is used then."""
        number = now_ms // self.interval_ms
        if number != self._number:
            self._number = number
            self._counts.clear()
        self._counts[who] = max(0, self._counts[who] + amount)
        return self._counts[who]

    def ends_in_s(self, now_ms: int) -> int:
        """Whole seconds until the next window, rounded up."""
        return -(-(self.interval_ms - now_ms % self.interval_ms) // SECOND_MS)


class Cost(NamedTuple):
    """What a request uses: `weight` of a pool. `pool` is "" for the venue's main API, else the wallet endpoint's path.

    Wallet endpoints have a pool each, per address or (`per_account`) per account.
    """

    weight: int
    pool: str = ""
    per_account: bool = False


class Limiter:
    """Counts what addresses and accounts use, refuses what is too much, and bans who does not stop."""

    def __init__(self, limits: Limits) -> None:
        """Everybody starts at zero."""
        self.limits = limits
        self.weight = Window("request weight", MINUTE_MS, limits.weight_per_minute)
        self.requests = Window("raw requests", 5 * MINUTE_MS, limits.requests_per_5_minutes)
        self.orders = (
            Window("orders per 10 SECOND", 10 * SECOND_MS, limits.orders_per_10_seconds),
            Window("orders per 1 DAY", DAY_MS, limits.orders_per_day),
        )
        self._wallet = Window("request weight", MINUTE_MS, limits.wallet_weight_per_minute)
        self._wallet_account = Window("request weight", MINUTE_MS, limits.wallet_account_weight_per_minute)
        self._connections = Window("connections", 5 * MINUTE_MS, limits.connections_per_5_minutes)
        self._messages = Window("messages", SECOND_MS, limits.messages_per_second)
        self._strikes = Window("strikes", MINUTE_MS, limits.strikes_max)
        self._banned_until: dict[str, int] = {}
        self._bans: Counter[str] = Counter()
        self._latest_order: dict[str, int] = {}

    # ---- addresses

    def spend(self, address: str, account: str, cost: Cost, now_ms: int) -> None:
        """Count one request. TooManyRequests when it is over a limit, AddressBanned for who went on after that."""
        self.check_ban(address, now_ms)
        window, who = self._pool(address, account, cost)
        for each, name, amount in ((self.requests, address, 1), (window, who, cost.weight)):
            if each.add(name, amount, now_ms) > each.limit:
                self._strike(address, each, now_ms)

    def used(self, address: str, account: str, cost: Cost, now_ms: int) -> int:
        """Weight used in the current window of the request's pool."""
        window, who = self._pool(address, account, cost)
        return window.count(who, now_ms)

    def check_ban(self, address: str, now_ms: int) -> None:
        """AddressBanned while the address is."""
        until_ms = self._banned_until.get(address, 0)
        if now_ms < until_ms:
            raise AddressBanned(until_ms=until_ms, retry_after_s=-(-(until_ms - now_ms) // SECOND_MS))

    def ban(self, address: str, now_ms: int) -> int:
        """Ban an address, each time for longer; answers with when the ban ends."""
        bans = self.limits.bans_s
        ban_s = bans[min(self._bans[address], len(bans) - 1)]
        self._bans[address] += 1
        self._banned_until[address] = now_ms + ban_s * SECOND_MS
        return self._banned_until[address]

    def connect(self, address: str, now_ms: int) -> None:
        """Count an attempt to open a WebSocket connection; TooManyRequests, AddressBanned."""
        self.check_ban(address, now_ms)
        if self._connections.add(address, 1, now_ms) > self._connections.limit:
            raise self._too_many(self._connections, now_ms)

    def hears(self, connection: Hashable, now_ms: int) -> bool:
        """Count a message on a stream connection; False when it was one too many and the connection must end."""
        return self._messages.add(connection, 1, now_ms) <= self._messages.limit

    # ---- orders

    def check_orders(self, account: str, now_ms: int) -> None:
        """TooManyOrders when the account may place no other one in this window."""
        for window in self.orders:
            if window.count(account, now_ms) >= window.limit:
                raise TooManyOrders(limit=window.limit, interval=window.what.removeprefix("orders per "))

    def on_order(self, account: str, order: Order, trade: Trade | None, now_ms: int) -> None:
        """Count an accepted order; its first fill gives that back (only unfilled orders count)."""
        change = 0
        if order.id > self._latest_order.get(account, 0):
            self._latest_order[account] = order.id
            change += 1
        if trade is not None and order.filled_steps == trade.steps:
            change -= 1
        if change:
            for window in self.orders:
                window.add(account, change, now_ms)

    # ---- within

    def _pool(self, address: str, account: str, cost: Cost) -> tuple[Window, Hashable]:
        if not cost.pool:
            return self.weight, address
        return (
            (self._wallet_account, (account, cost.pool)) if cost.per_account else (self._wallet, (address, cost.pool))
        )

    def _strike(self, address: str, window: Window, now_ms: int) -> None:
        if self._strikes.add(address, 1, now_ms) > self._strikes.limit:
            self.ban(address, now_ms)
            self.check_ban(address, now_ms)
        raise self._too_many(window, now_ms)

    @staticmethod
    def _too_many(window: Window, now_ms: int) -> TooManyRequests:
        minutes = window.interval_ms // MINUTE_MS
        return TooManyRequests(
            what=window.what, limit=window.limit, minutes=minutes, retry_after_s=window.ends_in_s(now_ms)
        )
