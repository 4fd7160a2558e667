"""What a strategy wishes for a market: a level, not an order."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tradepool.domain.ids import MarketId, StrategyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """The market part's word on one closed candle; the same for every user.

    `exposure` in [-1, 1] is the level after this candle, `previous_exposure` the level before it; accounts act on
    the edge. Distances are in price units, times in ms, 0 where the strategy has none; `close` and `high` are the candle's,
    and `open_ms` is when it began.
    `target_share` of a position is sold at the first target, the rest at the second.
    """

    strategy_id: StrategyId
    market: MarketId
    time_ms: int
    exposure: float
    previous_exposure: float
    stop_distance: float
    trail_distance: float
    trail_step: float
    close: float
    high: float
    confidence: float = 1.0
    reason: str = ""
    first_target: float = 0.0
    second_target: float = 0.0
    target_share: float = 0.0
    break_even: float = 0.0
    hold_ms: float = 0.0
    open_ms: int = 0

    @property
    def enters(self) -> bool:
        """Whether the level rose from flat with this candle."""
        return self.exposure > 0.0 and self.previous_exposure == 0.0

    def without_entry(self) -> Signal:
        """The same as if the level had stood before: exits follow it, nobody enters."""
        return replace(self, previous_exposure=self.exposure) if self.enters else self
