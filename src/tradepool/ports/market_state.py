"""How the market data plane stands, market by market: what `status` shows, and what problem markets are found by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tradepool.domain.ids import MarketId


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketState:
    """One market. `newest_ms` is when its newest candle closed or, where it has had none, when it was first asked for (-1:
    not yet), `known_ms` up to when it is known which candles there are (-1: nothing). Since the start, `gaps` counts how
    often the stream left out candles that the venue had, `filled` those candles, `corrected` newest candles that the venue
    showed again with another value.
    """

    market: MarketId
    newest_ms: int
    known_ms: int
    gaps: int
    filled: int
    corrected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneState:
    """All markets of one venue and timeframe at `now_ms`; `lost` says why the stream is down, "" while it stands."""

    now_ms: int
    timeframe_ms: int
    lost: str
    markets: Sequence[MarketState]

    @property
    def oldest_ms(self) -> int | None:
        """The age of the oldest data: how long ago the market known least was known, be it one that nobody waits for any
        more; None before all are known.

        >>> one = MarketState(market=MarketId("v:A/B"), newest_ms=60_000, known_ms=60_000, gaps=0, filled=0, corrected=0)
        >>> PlaneState(now_ms=61_500, timeframe_ms=60_000, lost="", markets=[one]).oldest_ms
        1500
        """
        known_ms = min((each.known_ms for each in self.markets), default=-1)
        return None if known_ms < 0 else max(0, self.now_ms - known_ms)

    def behind(self, bars: int) -> list[MarketState]:
        """Markets without a candle for so many bars while another has had them."""
        newest_ms = max((each.newest_ms for each in self.markets), default=-1)
        return [each for each in self.markets if 0 <= each.newest_ms <= newest_ms - bars * self.timeframe_ms]
