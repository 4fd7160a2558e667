"""Small venues for tests: hand-written candles, a recorder of events, and accounts with round sums."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from tradepool.core.market.bars import Bars
from tradepool.domain.market import FeeSchedule, Market
from tradepool.simexchange.events import BOOK, NOTHING, Event
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.venue import Venue

MINUTE = 60_000
START = 1_700_000_000_000 // MINUTE * MINUTE

Row = tuple[float, float, float, float]


def market(base: str = "BTC", quote: str = "USDT", maker_rate: str = "0.001", base_unit: str = "1e-8") -> Market:
    """Tick 0.01, step 0.001, least order worth 5, taker fee 0.1 %."""
    return Market(
        venue="binance",
        base=base,
        quote=quote,
        price_tick=Decimal("0.01"),
        quantity_step=Decimal("0.001"),
        quantity_min=Decimal("0.001"),
        notional_min=Decimal(5),
        fees=FeeSchedule(maker_rate=Decimal(maker_rate), taker_rate=Decimal("0.001")),
        base_unit=Decimal(base_unit),
    )


def bars(rows: Sequence[Row], times: Sequence[int] | None = None, timeframe_ms: int = MINUTE) -> Bars:
    """Candles from (open, high, low, close); `times` are bar numbers from START, without holes by default."""
    numbers = range(len(rows)) if times is None else times
    open_time = np.array([START + number * timeframe_ms for number in numbers], dtype=np.int64)
    opened, high, low, closed = np.array(rows, dtype=np.float64).T
    return Bars(timeframe_ms, open_time, opened, high, low, closed, np.full(len(rows), 10.0))


def flat(count: int, price: float = 100.0) -> list[Row]:
    """Candles that never move."""
    return [(price, price, price, price)] * count


class Recorder:
    """An outlet that keeps every event and wants minute candles and accounts; of the rest, what it was asked to."""

    def __init__(self, *, books: bool = False, wants: frozenset[str] = frozenset()) -> None:
        """Keep nothing yet."""
        self.events: list[Event] = []
        self.flushes = 0
        self._wanted = wants | {"1m"} | ({BOOK} if books else NOTHING)

    def wants(self, symbol: str) -> frozenset[str]:
        """Closed candles, and what it was told to want."""
        return self._wanted

    def wants_account(self, key: str) -> bool:
        """Yes."""
        return True

    def publish(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    def flush(self) -> None:
        """Count it."""
        self.flushes += 1


def small_venue(
    rows: Sequence[Row], times: Sequence[int] | None = None, slippage_bp: int = 0, secret: str = "secret"
) -> Venue:
    """A venue of one market with an account `key` that holds 1,000 USDT and 10 BTC."""
    venue = Venue([Listing(market(), bars(rows, times))], slippage_bp)
    venue.open_account("key", secret, {"USDT": Decimal(1000), "BTC": Decimal(10)})
    return venue
