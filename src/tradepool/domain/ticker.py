"""What a venue says of a market's last 24 hours, and its best prices: what markets are screened by."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from tradepool.domain.ids import MarketId


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticker:
    """The 24 hours up to `time_ms`; volumes in base and in quote. `bid` and `ask` are None while a side is empty.

    >>> ticker = Ticker(market=MarketId("binance:BTC/USDT"), time_ms=0, open=Decimal(200), high=Decimal(212),
    ...                 low=Decimal(199), last=Decimal(210), base_volume=Decimal(3), quote_volume=Decimal(618),
    ...                 bid=Decimal("209.9"), ask=Decimal("210.1"))
    >>> ticker.change, ticker.spread
    (Decimal('0.05'), Decimal('0.0009523809523809523809523809524'))
    """

    market: MarketId
    time_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    base_volume: Decimal
    quote_volume: Decimal
    bid: Decimal | None
    ask: Decimal | None

    @property
    def change(self) -> Decimal:
        """By how much of itself the price has changed."""
        return self.last / self.open - 1

    @property
    def spread(self) -> Decimal | None:
        """The distance of the best prices as a part of their middle; None while a side is empty."""
        if self.bid is None or self.ask is None:
            return None
        return 2 * (self.ask - self.bid) / (self.ask + self.bid)


class MarketFacts(NamedTuple):
    """What only the venue knows of a market: its status in the venue's own word, and the distance of its best prices in
    percent of their middle (None while a side is empty, or where it does not tell them)."""

    status: str
    spread_percent: float | None
