"""`backtest` and `replay`: one strategy on one candle file, by the kernel or by the live stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from tradepool.core.backtest.run import Setting, run
from tradepool.core.compiler.runners import Runner
from tradepool.core.graph.step import EXPOSURE, PREVIOUS_EXPOSURE, market_step
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import MarketStep
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import TradepoolError
from tradepool.domain.market import Market
from tradepool.domain.order import Refusal
from tradepool.domain.position import Position
from tradepool.domain.trade import Trade
from tradepool.entrypoints.inputs import (
    Asked,
    cash_of,
    decimal_of,
    open_source,
    say_if_not_compiled,
    settings_from,
    slippage_of,
    strategy_from,
    weight_of,
)
from tradepool.entrypoints.other_markets import other_listings, published
from tradepool.entrypoints.replay import Outcome, Plan, Player, Replay, on_our_venue, replay
from tradepool.presentation.finished_run import FinishedRun
from tradepool.simexchange.listing import Listing


class AccountHalted(TradepoolError):
    """The account was stopped by an error of ours: {why}; please report it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A run, ready to start; `beside` are the markets the strategy reads and does not trade."""

    strategy: Strategy
    market: Market
    bars: Bars
    setting: Setting
    runner: Runner
    beside: Sequence[Listing]

    @property
    def others(self) -> Mapping[str, Bars]:
        """What it reads of other markets; its own is another one, too, if it is named in the strategy."""
        found = {listing.market.symbol: published(listing) for listing in self.beside}
        source = market_step(self.strategy.graph, timeframe_ms=self.bars.timeframe_ms)
        return {symbol: found.get(symbol, self.bars) for symbol in source.others}


def job_of(name: str, asked: Asked, runner: Runner = "any") -> Job:
    """Everything checked and loaded; any fault is a named error and nothing has been written."""
    if runner == "any":
        say_if_not_compiled()
    settings = settings_from(asked.config)
    chosen = settings.backtest
    strategy = strategy_from(name, asked.param or [], settings.strategies.folder)
    weight = weight_of(chosen.weight if asked.weight is None else decimal_of("--weight", asked.weight))
    slippage_bp = slippage_of(chosen.slippage_bp if asked.slippage_bp is None else asked.slippage_bp)
    cash = chosen.cash if asked.cash is None else decimal_of("--cash", asked.cash)
    market, bars = open_source(asked.candles, asked.market, settings.candles.folder)
    return Job(
        strategy=strategy,
        market=market,
        bars=bars,
        setting=Setting(cash=cash_of(cash, market), weight=weight, slippage_bp=slippage_bp),
        runner=runner,
        beside=other_listings(
            strategy, Listing(market, bars), asked.candles, asked.with_ or [], settings.candles.folder
        ),
    )


def backtested(job: Job) -> FinishedRun:
    """The run by the kernel, with the equity after each bar."""
    result = run(
        job.strategy, job.market, job.bars, job.setting, runner=job.runner, record_equity=True, others=job.others
    )
    unit = float(job.market.quote_unit)
    equity = [] if result.equity is None else (np.asarray(result.equity) * unit).tolist()
    return _finished(
        replace(job, market=result.market),
        result.final_equity,
        result.trades,
        result.open_positions,
        result.refusals,
        equity,
    )


def replayed(job: Job, before_step: Callable[[Replay], bool] = lambda _: True) -> FinishedRun:
    """The same run by the live stack on the simulated exchange."""
    outcome = replay(plan_of(job), before_step)
    refuse_halted(outcome)
    user = outcome.users[0]
    return _finished(job, user.final_equity, user.trades, user.positions, user.refusals)


def plan_of(job: Job) -> Plan:
    """One user with all of the cash on one market."""
    listing, *beside = (on_our_venue(each) for each in (Listing(job.market, job.bars), *job.beside))
    player = Player(
        name="replay",
        strategy=job.strategy,
        markets=(listing.market.id,),
        capital=job.setting.cash,
        weight=job.setting.weight,
        limits=job.setting.limits,
    )
    return Plan(listings=[listing, *beside], players=[player], slippage_bp=job.setting.slippage_bp)


def refuse_halted(outcome: Outcome) -> None:
    """Raise AccountHalted when an account did not reach the end; its figures would mislead."""
    for error in outcome.halted.values():
        first_line = (str(error).splitlines() or [""])[0]
        raise AccountHalted(why=f"{type(error).__name__}: {first_line}") from error


def _finished(
    job: Job,
    final_equity: Decimal,
    trades: Sequence[Trade],
    open_positions: Sequence[Position],
    refusals: Sequence[Refusal],
    equity: Sequence[float] = (),
) -> FinishedRun:
    return FinishedRun(
        strategy=job.strategy.name,
        values=job.strategy.values,
        market=job.market,
        timeframe_ms=job.bars.timeframe_ms,
        slippage_bp=job.setting.slippage_bp,
        bars=len(job.bars),
        start_ms=int(job.bars.open_time[0]),
        end_ms=job.bars.close_time(-1),
        cash=job.setting.cash,
        weight=job.setting.weight,
        limits=job.setting.limits,
        final_equity=final_equity,
        trades=trades,
        open_positions=open_positions,
        refusals=refusals,
        signals=len(trades) or _signals(job),
        lookback=market_step(job.strategy.graph, timeframe_ms=job.bars.timeframe_ms).lookback(job.strategy.values),
        equity=equity,
    )


def _signals(job: Job) -> int:
    """Entry signals before the last bar: one at the last close could not be filled any more."""
    step = MarketStep(job.strategy, job.bars.timeframe_ms, job.runner)
    rows = step.advance(job.bars, 0, len(job.bars) - 1, job.others)
    return int(((rows[:, EXPOSURE] != 0) & (rows[:, PREVIOUS_EXPOSURE] != rows[:, EXPOSURE])).sum())
