"""A market or a strategy on which nothing is entered until a time; everybody who works on the deployment sees it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tradepool.domain.ids import MarketId

FOR_EVER_MS = 2**62
# Who suspends when no person did.
AUTOMATIC = "tradepool"


class SuspendedKind(StrEnum):
    """What is suspended."""

    MARKET = "market"
    STRATEGY = "strategy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """`name` is a market's id or a strategy's name; times are the machine's, `until_ms` exclusive. `trouble` is the word
    for why when the platform suspended it by itself, "" for a person's wish."""

    kind: SuspendedKind
    name: str
    since_ms: int
    until_ms: int
    by: str
    reason: str
    trouble: str = ""

    def covers(self, market: MarketId, strategy: str) -> bool:
        """Whether an entry of a strategy on a market is meant.

        >>> row = Suspended(kind=SuspendedKind.STRATEGY, name="churn", since_ms=0, until_ms=1, by="ann", reason="odd")
        >>> row.covers(MarketId("binance:BTC/USDT"), "churn"), row.covers(MarketId("binance:BTC/USDT"), "other")
        (True, False)
        """
        return self.name == (market if self.kind is SuspendedKind.MARKET else strategy)

    @property
    def for_ever(self) -> bool:
        """Whether only a person, or the end of its cause, lifts it."""
        return self.until_ms >= FOR_EVER_MS
