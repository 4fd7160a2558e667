"""Whether an entry may go out right now: the clock is right, and its market is not suspended. One for all accounts.

What the gate says no to is rejected by that reason, as an event: a restart does not ask the gate again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tradepool.core.risk.anomaly import OddPrices
from tradepool.core.risk.strategy_failures import StrategyFailures
from tradepool.core.risk.suspension import Suspensions, Trouble
from tradepool.domain.denial import Denial
from tradepool.domain.event import VENUE_REJECTED
from tradepool.domain.ids import MarketId, StrategyId
from tradepool.domain.order import OrderRequest
from tradepool.domain.signal import Signal
from tradepool.ports.clock import Clock
from tradepool.services.venue_clock import VenueClock

CLOCK_OFF = Denial.CLOCK_OFF


class EntryGate:
    """`suspensions` is what every account and command sees of problem markets; `leave` is the deployment's word;
    `limits` is asked last: what it lets through counts. `on_strategy_failed` hears which strategy's orders are refused all over."""

    def __init__(self, venue_clock: VenueClock, suspensions: Suspensions, clock: Clock) -> None:
        """Shared by all senders of a venue."""
        self.suspensions = suspensions
        self.leave: Callable[[OrderRequest], str] = lambda request: ""
        self.limits: Callable[[OrderRequest], str] = lambda request: ""
        self.on_strategy_failed: Callable[[StrategyId], None] = lambda strategy: None
        self._venue_clock = venue_clock
        self._clock = clock
        self._failures = StrategyFailures()
        self._odd_prices = OddPrices()

    def may_enter(self, request: OrderRequest) -> str:
        """Why an entry may not go out now; "" if it may."""
        if not self._venue_clock.right:
            return CLOCK_OFF
        held = self.suspensions.of(request.market, self._clock.now_ms())
        return held.reason if held is not None else self.leave(request) or self.limits(request)

    def rejected(self, request: OrderRequest, reason: str) -> None:
        """Hear that the venue refused an order. Only one reason may speak of the market, and not of what the account has
        or wants."""
        if reason == VENUE_REJECTED:
            now_ms = self._clock.now_ms()
            self.suspensions.failed(request.market, request.account, now_ms, reason)
            if self._failures.failed(request.strategy_id, request.market, request.account, now_ms):
                self.on_strategy_failed(request.strategy_id)

    def closed(self, signals: Iterable[Signal]) -> None:
        """Hear of candles before anybody acts on them: a market whose price makes no sense is suspended."""
        for market, close in {signal.market: signal.close for signal in signals}.items():
            why = self._odd_prices.look(market, close)
            if why:
                self.suspensions.suspend(market, Trouble.ODD_PRICE, self._clock.now_ms(), why)

    def listed(self, standing: dict[MarketId, Trouble | None]) -> None:
        """Hear how markets stand at the venue: halted, delisted, or (None) traded, which ends such a suspension."""
        now_ms = self._clock.now_ms()
        for market, trouble in standing.items():
            held = self.suspensions.of(market, now_ms)
            if trouble is not None:
                self.suspensions.suspend(market, trouble, now_ms, "the venue's listing")
            elif held is not None and held.trouble in (Trouble.HALTED, Trouble.DELISTED):
                self.suspensions.lift(market)
