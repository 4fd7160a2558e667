"""A finished run of one strategy on its markets, whoever ran it: backtest and replay are shown through this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradepool.domain.mandate import AT_MARKET, EntryOrder, Limits
from tradepool.domain.market import Market
from tradepool.domain.order import Refusal
from tradepool.domain.position import Position
from tradepool.domain.trade import Trade
from tradepool.presentation.formats import iso, plain
from tradepool.presentation.results import (
    SCHEMA,
    RunJson,
    amounts,
    fees_by_asset,
    limits_used,
    market_used,
    position_row,
    refusal_row,
    symbol_of,
    trade_row,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """What was run and what came of it.

    `markets` are the candle files', as perpetuals where the strategy shorts, in the mandate's order, `bars_each` their
    bars. `signals` counts the entry signals (at least where no trade was closed), `lookback` the bars before the first
    could come. `equity` (quote asset, after each T's closes) may be empty where nobody recorded it.
    """

    strategy: str
    values: Mapping[str, float]
    markets: Sequence[Market]
    timeframe_ms: int
    slippage_bp: int
    bars_each: Sequence[int]
    start_ms: int
    end_ms: int
    cash: Decimal
    weight: Decimal
    limits: Limits
    final_equity: Decimal
    trades: Sequence[Trade]
    open_positions: Sequence[Position]
    refusals: Sequence[Refusal]
    signals: int
    lookback: int
    equity: Sequence[float] = ()
    entry: EntryOrder = AT_MARKET

    @property
    def bars(self) -> int:
        """Bars of all markets."""
        return sum(self.bars_each)

    @property
    def quote(self) -> str:
        """The asset that all of them are quoted in."""
        return self.markets[0].quote

    @property
    def by_symbol(self) -> dict[str, Market]:
        """Its markets by symbol."""
        return {market.symbol: market for market in self.markets}

    @property
    def fees(self) -> dict[str, Decimal]:
        """All fees paid, by asset; those of buying what is still open included."""
        return fees_by_asset(self.trades, self.open_positions, self.by_symbol)


def run_json(run: FinishedRun) -> RunJson:
    """The shape that `backtest` and `replay` share."""
    by_symbol = run.by_symbol
    return RunJson(
        schema=SCHEMA,
        strategy=run.strategy,
        parameters=dict(run.values),
        markets=[market_used(market, run.timeframe_ms, run.slippage_bp) for market in run.markets],
        bars=run.bars,
        start=iso(run.start_ms),
        end=iso(run.end_ms),
        cash=plain(run.cash),
        weight=plain(run.weight),
        limits=limits_used(run.limits),
        final_equity=plain(run.final_equity),
        fees=amounts(run.fees),
        trades=[trade_row(trade, run.strategy, by_symbol[symbol_of(trade.market)]) for trade in run.trades],
        open_positions=[position_row(position, run.strategy) for position in run.open_positions],
        refusals=[refusal_row(refusal) for refusal in run.refusals],
        entry=run.entry.kind.value,
        entry_slippage_max=plain(run.entry.slippage_max),
    )
