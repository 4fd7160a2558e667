"""What a backtest found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tradepool.core.account import account_step as step
from tradepool.core.account.round_trip import RoundTrip, position_of
from tradepool.core.account.terms import REFUSALS
from tradepool.core.backtest import fills
from tradepool.core.market.bars import Bars
from tradepool.domain.ids import AccountId, MandateId, StrategyId
from tradepool.domain.market import Market
from tradepool.domain.order import Refusal
from tradepool.domain.position import Position
from tradepool.domain.trade import Origin, Trade

ACCOUNT = AccountId("backtest")
MANDATE = MandateId("backtest")

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, eq=False)
class MarketResult:
    """One strategy on one market.

    `round_trips` are the closed trades as the kernel recorded them, whole numbers [trade, field of RoundTrip]; `trades`
    makes nouns of them when it is first asked.
    """

    strategy_id: StrategyId
    market: Market
    bars: int
    start_ms: int
    end_ms: int
    round_trips: NDArray[np.int64]
    open_positions: tuple[Position, ...]
    refusals: tuple[Refusal, ...]

    @cached_property
    def trades(self) -> tuple[Trade, ...]:
        """The closed trades, first entry first."""
        rows = self.round_trips.tolist()
        return tuple(RoundTrip(*row).trade(ACCOUNT, self.strategy_id, self.market, Origin.BACKTEST) for row in rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class BacktestResult(MarketResult):
    """One strategy on one market that has all of the cash.

    `final_equity` values an open position at the last close. `equity` (quote units after each bar's close) is there
    when it was asked for.
    """

    cash: Decimal
    final_equity: Decimal
    equity: NDArray[np.int64] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class MandateResult:
    """A mandate on several markets that share the cash; `markets` are in its order, one for each strategy and grid there was.

    `final_equity` values open positions at their last closes. `equity` (quote units) and `equity_times` (ms), one of
    each T at which a candle closed, are there when they were asked for.
    """

    strategy_id: StrategyId
    cash: Decimal
    final_equity: Decimal
    markets: tuple[MarketResult, ...]
    equity_times: NDArray[np.int64] | None
    equity: NDArray[np.int64] | None

    @cached_property
    def trades(self) -> tuple[Trade, ...]:
        """The closed trades of all markets, first exit first; what left at once is in the mandate's order."""
        return _in_order((trade for found in self.markets for trade in found.trades), lambda trade: trade.exit_time_ms)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The refusals of all markets, first one first."""
        return _in_order((each for found in self.markets for each in found.refusals), lambda refusal: refusal.time_ms)

    @property
    def open_positions(self) -> tuple[Position, ...]:
        """What is still held, in the mandate's order of markets."""
        return tuple(position for found in self.markets for position in found.open_positions)


def _in_order(items: Iterable[Item], time_of: Callable[[Item], int]) -> tuple[Item, ...]:
    return tuple(sorted(items, key=time_of))


def market_result(
    strategy_id: StrategyId,
    market: Market,
    bars: Bars,
    *,
    slot: NDArray[np.int64],
    counts: NDArray[np.int64],
    trades: NDArray[np.int64],
    refusals: NDArray[np.int64],
) -> MarketResult:
    """What the kernel's rows say of one market."""
    closed, refused, row = int(counts[fills.TRADES]), int(counts[fills.REFUSALS]), slot.tolist()
    held = () if row[step.HOLDING] == 0 else (row,)
    table = refusals[: refused * fills.REFUSAL_SIZE].reshape(refused, fills.REFUSAL_SIZE).tolist()
    return MarketResult(
        strategy_id=strategy_id,
        market=market,
        bars=len(bars),
        start_ms=int(bars.open_time[0]),
        end_ms=bars.close_time(-1),
        round_trips=trades[: closed * fills.TRADE_SIZE].reshape(closed, fills.TRADE_SIZE).copy(),
        open_positions=tuple(
            position_of(each, account=ACCOUNT, mandate=MANDATE, strategy_id=strategy_id, market=market) for each in held
        ),
        refusals=tuple(
            Refusal(account=ACCOUNT, market=market.id, time_ms=time_ms, reason=REFUSALS[code])
            for time_ms, code in table
        ),
    )
