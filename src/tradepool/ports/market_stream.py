"""What we ask of a venue's live public data beside candles: order books, prints and best prices, once for all users."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tradepool.domain.depth import BookDiff, BookSnapshot
from tradepool.domain.ids import MarketId
from tradepool.domain.market import Market
from tradepool.domain.quote import Quote
from tradepool.domain.trade_tick import TradeTick
from tradepool.ports.exchange import OnLost


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketEars:
    """Who hears what of the markets subscribed to; what nobody hears is not subscribed to.

    `on_bad` is told of a frame of one market that makes no sense (its tick was changed, a field is missing): what it
    said is lost, the other markets go on.
    """

    on_bad: Callable[[MarketId, str], None]
    on_diff: Callable[[BookDiff], None] | None = None
    on_trade: Callable[[TradeTick], None] | None = None
    on_quote: Callable[[Quote], None] | None = None


class MarketStream(Protocol):
    """One venue's public streams. Every frame is handed over once, in the order it came, even a repeated one."""

    async def subscribe(self, markets: Sequence[Market], ears: MarketEars, on_lost: OnLost) -> None:
        """Return once the venue has acknowledged all of it; an earlier subscription ends.

        Diffs begin at any time and `on_lost` tells of a broken stream: subscribe again, then ask for snapshots.
        """
        ...

    async def snapshot(self, market: Market) -> BookSnapshot:
        """The book as the venue shows it now; ask after subscribing, so that diffs can follow it."""
        ...

    async def prints(self, market: Market) -> Sequence[TradeTick]:
        """The newest prints the venue still shows, in order."""
        ...

    async def close(self) -> None:
        """Leave."""
        ...
