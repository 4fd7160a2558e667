"""What a backtest found."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tradepool.core.account.round_trip import RoundTrip
from tradepool.domain.ids import AccountId, MandateId, StrategyId
from tradepool.domain.market import Market
from tradepool.domain.order import Refusal
from tradepool.domain.position import Position
from tradepool.domain.trade import Origin, Trade

ACCOUNT = AccountId("backtest")
MANDATE = MandateId("backtest")


@dataclass(frozen=True, kw_only=True, eq=False)
class BacktestResult:
    """One strategy on one market.

    `round_trips` are the closed trades as the kernel recorded them, whole numbers [trade, field of RoundTrip]; `trades`
    makes nouns of them when it is first asked. `final_equity` values an open position at the last close. `equity` (quote units after each bar's close) is there
    when it was asked for.
    """

    strategy_id: StrategyId
    market: Market
    bars: int
    start_ms: int
    end_ms: int
    cash: Decimal
    final_equity: Decimal
    round_trips: NDArray[np.int64]
    open_positions: tuple[Position, ...]
    refusals: tuple[Refusal, ...]
    equity: NDArray[np.int64] | None

    @cached_property
    def trades(self) -> tuple[Trade, ...]:
        """The closed trades, first entry first."""
        rows = self.round_trips.tolist()
        return tuple(RoundTrip(*row).trade(ACCOUNT, self.strategy_id, self.market, Origin.BACKTEST) for row in rows)
