"""What limits count as accounts change: of a market what was heard and has gone out there, and sums over a scope's accounts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from tradepool.domain.ids import AccountId, ClientOrderId, MarketId
from tradepool.domain.order import OrderRequest

VOLUME_BARS = 20
ZERO = Decimal(0)


@dataclass(slots=True)
class KnownMarket:
    """What is known of a market's candles, and which entries have gone out there since the last one, with their sum."""

    close: Decimal = ZERO
    time_ms: int | None = None
    before: Decimal | None = None
    volumes: deque[Decimal] = field(default_factory=lambda: deque(maxlen=VOLUME_BARS))
    taken: Decimal = ZERO
    takers: dict[tuple[AccountId, ClientOrderId], OrderRequest] = field(default_factory=dict)

    def takes(self, entry: OrderRequest) -> None:
        """An entry went out. Again is harmless."""
        if (entry.account, entry.client_order_id) not in self.takers:
            self.takers[entry.account, entry.client_order_id] = entry
            self.taken += entry.quantity

    def begins(self, close_time_ms: int) -> None:
        """Another candle is the last; after a restart its entries may have been told of before it."""
        left = [entry for entry in self.takers.values() if entry.time_ms >= close_time_ms]
        self.taken, self.takers = ZERO, {}
        for entry in left:
            self.takes(entry)


@dataclass(slots=True)
class Tally:
    """Sums over all accounts of a scope: quantities by market, and by quote asset cash, the equity at the start of the day
    and the week, and when the scope's was highest."""

    held: dict[MarketId, Decimal] = field(default_factory=dict)
    entering: dict[MarketId, Decimal] = field(default_factory=dict)
    positions: int = 0
    money: dict[str, list[Decimal]] = field(default_factory=dict)
    sent: deque[int] = field(default_factory=deque)
