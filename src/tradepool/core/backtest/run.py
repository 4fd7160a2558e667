"""One backtest: the market part, the account part and the bar's fills fused into one loop over stored candles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tradepool.core.account import account_step as step
from tradepool.core.account.terms import price_scale, terms_of
from tradepool.core.backtest import fills, kernel
from tradepool.core.backtest.loop import NAME, fused, ticks_of
from tradepool.core.backtest.result import BacktestResult, market_result
from tradepool.core.compiler.functions import Functions
from tradepool.core.compiler.runners import Runner, load
from tradepool.core.compiler.vocabulary import round_to_int
from tradepool.core.graph.step import StepSource
from tradepool.core.market.align import Timed, columns
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import NOTHING
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import InvalidInput
from tradepool.domain.mandate import AT_MARKET, NO_LIMITS, EntryOrder, Limits
from tradepool.domain.market import Market

SLIPPAGE_BP = 1
PREPARED_MAX = 64
# A turn closes one trade at the open, and its new position may be closed in the same bar.
TRADES_A_BAR, REFUSALS_A_BAR = 2, 5
DEFAULT_WEIGHT = Decimal("0.95")


class NoQueue(InvalidInput):
    """A mandate whose entries may rest (limit, post_only) has no backtest: candles don't tell when a resting order's turn comes; replay it, or use entry market, ioc or fok."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Money and limits of a run: the mandate a live account would have, and the slippage of its market orders."""

    cash: Decimal
    weight: Decimal = DEFAULT_WEIGHT
    limits: Limits = NO_LIMITS
    slippage_bp: int = SLIPPAGE_BP
    entry: EntryOrder = AT_MARKET


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
    runner: Runner = "any",
    record_equity: bool = False,
    others: Mapping[str, Bars] | None = None,
    externals: Mapping[str, Timed] | None = None,
) -> BacktestResult:
    """Run one strategy over one market's candles; an order decided at a close fills at the next bar's open.

    `others` are the bars of the markets it reads beside this one, `externals` the values from outside, both by name;
    raises WrongInputs if they are not what it reads. A strategy that shorts runs on a perpetual of the market's grid,
    and the result says so in `market.kind`; funding and borrowing cost nothing here, and no position is liquidated.
    """
    market = market_for(strategy, market)
    source, functions = _prepared(strategy, bars.timeframe_ms, runner)
    rows = _rows(market, bars, setting, record_equity)
    functions[NAME](
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
        *ticks_of(bars, price_scale(market)),
        bars.timeframe_ms,
        price_scale(market),
        len(bars) - 1,
        record_equity,
    )
    return _result(strategy, market, bars, setting, rows, record_equity)


@lru_cache(maxsize=PREPARED_MAX)
def _prepared(strategy: Strategy, timeframe_ms: int, runner: Runner) -> tuple[StepSource, Functions]:
    """The fused step of a strategy and its machine code; a strategy is one object, so a second run finds them here."""
    source, program = fused(strategy, timeframe_ms)
    return source, load(program, runner, [NAME])


def market_for(strategy: Strategy, market: Market) -> Market:
    """The market a strategy is backtested on: one that shorts needs a perpetual, of the same grid."""
    return replace(market, kind="perpetual") if strategy.shorts and not market.fee_in_quote else market


def terms_under(market: Market, setting: Setting) -> list[int]:
    """The account step's `terms` row of a run on a market. NoQueue."""
    if setting.entry.kind.rests:
        raise NoQueue
    return terms_of(market, setting.weight, setting.limits, setting.slippage_bp, entry=setting.entry)


def room_for(bars: Bars) -> tuple[int, int]:
    """Rows that trades and refusals of a series may take at most."""
    return TRADES_A_BAR * len(bars) + 1, REFUSALS_A_BAR * len(bars) + 1


def _rows(market: Market, bars: Bars, setting: Setting, record_equity: bool) -> _Rows:
    wallet = np.zeros(step.WALLET_SIZE, np.int64)
    wallet[step.CASH] = market.quote_units(setting.cash)
    counts = np.zeros(fills.COUNTS_SIZE, np.int64)
    counts[fills.CASH_PEAK] = wallet[step.CASH]
    terms = np.array(terms_under(market, setting), np.int64)
    # Never touched, never paid for: the records are as long as they could get, and the machine maps only what is used.
    terms[step.TRADES_MAX], terms[step.REFUSALS_MAX] = room_for(bars)
    return _Rows(
        wallet=wallet,
        slot=np.zeros(step.SLOT_SIZE, np.int64),
        terms=terms,
        trades=np.empty(terms[step.TRADES_MAX] * fills.TRADE_SIZE, np.int64),
        refusals=np.empty(terms[step.REFUSALS_MAX] * fills.REFUSAL_SIZE, np.int64),
        counts=counts,
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
    found = market_result(
        strategy_id, market, bars, slot=rows.slot, counts=rows.counts, trades=rows.trades, refusals=rows.refusals
    )
    return BacktestResult(
        strategy_id=strategy_id,
        market=market,
        bars=found.bars,
        start_ms=found.start_ms,
        end_ms=found.end_ms,
        cash=setting.cash,
        final_equity=final * market.quote_unit,
        round_trips=found.round_trips,
        open_positions=found.open_positions,
        refusals=found.refusals,
        equity=rows.equity if record_equity else None,
    )
