"""One backtest: the market part, the account part and the bar's fills fused into one loop over stored candles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tradepool.core.account import account_step as step
from tradepool.core.account.round_trip import RoundTrip, position_of
from tradepool.core.account.terms import REFUSALS, price_scale, terms_of
from tradepool.core.backtest import kernel
from tradepool.core.backtest.result import BacktestResult
from tradepool.core.graph import native, reference
from tradepool.core.graph.align import Timed, columns
from tradepool.core.graph.bars import Bars
from tradepool.core.graph.functions import Functions
from tradepool.core.graph.market_step import NOTHING
from tradepool.core.graph.program import Program
from tradepool.core.graph.step import StepSource, fused_step
from tradepool.core.graph.vocabulary import round_to_int
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.ids import AccountId, MandateId, StrategyId
from tradepool.domain.mandate import NO_LIMITS, Limits
from tradepool.domain.market import Market
from tradepool.domain.order import Refusal
from tradepool.domain.position import Position
from tradepool.domain.trade import Origin, Trade

Runner = Literal["native", "reference"]
ACCOUNT = AccountId("backtest")
MANDATE = MandateId("backtest")
SLIPPAGE_BP = 1
PREPARED_MAX = 64
DEFAULT_WEIGHT = Decimal("0.95")

ARGUMENTS = (
    "wallet: Ints",
    "slot: Ints",
    "terms: Ints",
    "trades: Ints",
    "refusals: Ints",
    "counts: Ints",
    "equity: Ints",
    "open_time: Ints",
    "timeframe_ms: int",
    "scale: float",
    "last: int",
    "record: bool",
)
BEFORE = (
    "open_bar(wallet, slot, terms, trades, refusals, counts, scale, open_[i], low[i], open_time[i], timeframe_ms)",
)
AFTER = (
    "if i < last:",
    "    decide(wallet, slot, terms, refusals, counts, scale, exposure, previous_exposure, stop_distance,"
    " trail_distance, trail_step, high[i], close[i], open_time[i] + timeframe_ms)",
    "if record:",
    "    equity[i] = equity_at(wallet, slot, terms, round_to_int(close[i] * scale))",
)


@dataclass(frozen=True, slots=True)
class Setting:
    """Money and limits of a run: the mandate a live account would have, and the slippage of its market orders."""

    cash: Decimal
    weight: Decimal = DEFAULT_WEIGHT
    limits: Limits = NO_LIMITS
    slippage_bp: int = SLIPPAGE_BP


@dataclass(frozen=True, slots=True)
class _Rows:
    """The arrays of one run."""

    wallet: NDArray[np.int64]
    slot: NDArray[np.int64]
    terms: NDArray[np.int64]
    trades: NDArray[np.int64]
    refusals: NDArray[np.int64]
    counts: NDArray[np.int64]
    equity: NDArray[np.int64]


def run(
    strategy: Strategy,
    market: Market,
    bars: Bars,
    setting: Setting,
    *,
    runner: Runner = "native",
    record_equity: bool = False,
    others: Mapping[str, Bars] | None = None,
    externals: Mapping[str, Timed] | None = None,
) -> BacktestResult:
    """Run one strategy over one market's candles; an order decided at a close fills at the next bar's open.

    `others` are the bars of the markets it reads beside this one, `externals` the values from outside, both by name;
    raises WrongInputs if they are not what it reads.
    """
    source, functions = _prepared(strategy, bars.timeframe_ms, runner)
    rows = _rows(market, bars, setting, record_equity)
    functions["backtest"](
        np.zeros(source.state_size),
        NOTHING,
        source.rows(strategy.values)[0],
        NOTHING,
        *columns(source, bars, 0, None, others, externals),
        0,
        len(bars),
        rows.wallet,
        rows.slot,
        rows.terms,
        rows.trades,
        rows.refusals,
        rows.counts,
        rows.equity,
        bars.open_time,
        bars.timeframe_ms,
        price_scale(market),
        len(bars) - 1,
        record_equity,
    )
    return _result(strategy, market, bars, setting, rows, record_equity)


@lru_cache(maxsize=PREPARED_MAX)
def _prepared(strategy: Strategy, timeframe_ms: int, runner: Runner) -> tuple[StepSource, Functions]:
    """The fused step of a strategy and its machine code; a strategy is one object, so a second run finds them here."""
    source = fused_step(strategy.graph, "backtest", ARGUMENTS, BEFORE, AFTER, timeframe_ms=timeframe_ms)
    program = _kernel() + source.program
    return source, native.load(program, ["backtest"], shared=_kernel()) if runner == "native" else reference.load(
        program
    )


@cache
def _kernel() -> Program:
    return Program.of(kernel)


def _rows(market: Market, bars: Bars, setting: Setting, record_equity: bool) -> _Rows:
    wallet = np.zeros(step.WALLET_SIZE, np.int64)
    wallet[step.CASH] = market.quote_units(setting.cash)
    # Never touched, never paid for: the records are as long as they could get, and the machine maps only what is used.
    return _Rows(
        wallet=wallet,
        slot=np.zeros(step.SLOT_SIZE, np.int64),
        terms=np.array(terms_of(market, setting.weight, setting.limits, setting.slippage_bp), np.int64),
        trades=np.empty((len(bars) + 1) * kernel.TRADE_SIZE, np.int64),
        refusals=np.empty((2 * len(bars) + 2) * kernel.REFUSAL_SIZE, np.int64),
        counts=np.zeros(kernel.COUNTS_SIZE, np.int64),
        equity=np.zeros(len(bars) if record_equity else 1, np.int64),
    )


def _result(
    strategy: Strategy,
    market: Market,
    bars: Bars,
    setting: Setting,
    rows: _Rows,
    record_equity: bool,
) -> BacktestResult:
    strategy_id = strategy.strategy_id(bars.timeframe_ms)
    close_ticks = round_to_int(float(bars.close[-1]) * price_scale(market))
    # As lists: Python's integers have no width, NumPy's do.
    final = kernel.equity_at(rows.wallet.tolist(), rows.slot.tolist(), rows.terms.tolist(), close_ticks)
    return BacktestResult(
        strategy_id=strategy_id,
        market=market,
        bars=len(bars),
        start_ms=int(bars.open_time[0]),
        end_ms=int(bars.open_time[-1]) + bars.timeframe_ms,
        cash=setting.cash,
        final_equity=final * market.quote_unit,
        trades=_trades(rows, strategy_id, market),
        open_positions=_open_positions(rows, strategy_id, market),
        refusals=_refusals(rows, market),
        equity=rows.equity if record_equity else None,
    )


def _trades(rows: _Rows, strategy_id: StrategyId, market: Market) -> tuple[Trade, ...]:
    count = int(rows.counts[kernel.TRADES])
    table = rows.trades[: count * kernel.TRADE_SIZE].reshape(count, kernel.TRADE_SIZE).tolist()
    return tuple(RoundTrip(*row).trade(ACCOUNT, strategy_id, market, Origin.BACKTEST) for row in table)


def _refusals(rows: _Rows, market: Market) -> tuple[Refusal, ...]:
    count = int(rows.counts[kernel.REFUSALS])
    table = rows.refusals[: count * kernel.REFUSAL_SIZE].reshape(count, kernel.REFUSAL_SIZE).tolist()
    return tuple(
        Refusal(account=ACCOUNT, market=market.id, time_ms=time_ms, reason=REFUSALS[code]) for time_ms, code in table
    )


def _open_positions(rows: _Rows, strategy_id: StrategyId, market: Market) -> tuple[Position, ...]:
    slot = rows.slot.tolist()
    if not slot[step.HOLDING]:
        return ()
    return (position_of(slot, account=ACCOUNT, mandate=MANDATE, strategy_id=strategy_id, market=market),)
