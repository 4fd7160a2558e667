"""What a backtest found."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.core.graph.vocabulary import Ints
from tradepool.domain.ids import StrategyId
from tradepool.domain.market import Market
from tradepool.domain.order import Refusal
from tradepool.domain.position import Position
from tradepool.domain.trade import Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestResult:
    """One strategy on one market.

    `final_equity` values an open position at the last close. `equity` (quote units after each bar's close) is there
    when it was asked for.
    """

    strategy_id: StrategyId
    market: Market
    bars: int
    start_ms: int
    end_ms: int
    cash: Decimal
    final_equity: Decimal
    trades: tuple[Trade, ...]
    open_positions: tuple[Position, ...]
    refusals: tuple[Refusal, ...]
    equity: Ints | None
