"""`backtest` and `replay`: one strategy on one candle file or more, by the kernel or by the live stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

import numpy as np

from tradepool.core.backtest.mandate_run import common_timeframe, run_mandate
from tradepool.core.backtest.result import BacktestResult, MandateResult
from tradepool.core.backtest.run import Setting, run
from tradepool.core.compiler.runners import Runner
from tradepool.core.graph.step import EXPOSURE, PREVIOUS_EXPOSURE, market_step
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import MarketStep
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.market import Market
from tradepool.domain.order import Refusal
from tradepool.domain.position import Position
from tradepool.domain.trade import Trade
from tradepool.entrypoints.asking import asker
from tradepool.entrypoints.inputs import (
    WEIGHT_MIN,
    Asked,
    BadFlag,
    cash_of,
    decimal_of,
    entry_of,
    open_source,
    say_if_not_compiled,
    settings_from,
    slippage_of,
    strategy_from,
    weight_of,
)
from tradepool.entrypoints.mistakes import settings_aside
from tradepool.entrypoints.other_markets import other_listings, published
from tradepool.entrypoints.replay import Outcome, Plan, Player, Replay, on_our_venue, replay
from tradepool.presentation.finished_run import FinishedRun
from tradepool.presentation.results import symbol_of
from tradepool.simexchange.listing import Listing


class AccountHalted(TradepoolError):
    """The account was stopped by an error of ours: {why}; please report it."""


class OneMarketOnly(InvalidInput):
    """--candles names {count} files, and this command works on one market; give one of them."""


class MarketFileForOne(InvalidInput):
    """--market says how one market trades, and --candles names {count}; leave it out, or give one candle file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A run, ready to start; `also` are the markets the same mandate trades besides, `beside` those it only reads."""

    strategy: Strategy
    market: Market
    bars: Bars
    setting: Setting
    runner: Runner
    beside: Sequence[Listing]
    also: Sequence[Listing] = ()

    @property
    def traded(self) -> list[Listing]:
        """All markets it trades, in the mandate's order."""
        return [Listing(self.market, self.bars), *self.also]

    @property
    def others(self) -> Mapping[str, Bars]:
        """What it reads of other markets; its own is another one, too, if it is named in the strategy."""
        found = {listing.market.symbol: published(listing) for listing in (*self.beside, *self.also)}
        source = market_step(self.strategy.graph, timeframe_ms=self.bars.timeframe_ms)
        return {symbol: found.get(symbol, self.bars) for symbol in source.others}


def job_of(name: str, asked: Asked, runner: Runner = "any") -> Job:
    """A job on one market. Raises OneMarketOnly."""
    if len(asked.candles) > 1:
        raise OneMarketOnly(count=len(asked.candles))
    return mandate_of(name, asked, runner)


def mandate_of(name: str, asked: Asked, runner: Runner = "any") -> Job:
    """Everything checked and loaded; any fault is a named error and nothing has been written."""
    if runner == "any":
        say_if_not_compiled()
    if not asked.candles:
        raise BadFlag(flag="--candles", value="empty", wanted="one candle file or more")
    if asked.market is not None and len(asked.candles) > 1:
        raise MarketFileForOne(count=len(asked.candles))
    # A person is not told what is wrong with others.
    settings = settings_from(asked.config) if asker() is None else settings_aside(asked.config, [])
    chosen = settings.backtest
    strategy = strategy_from(name, asked.param or [], settings.strategies.folder)
    weight = weight_of(
        shared_weight(chosen.weight, len(asked.candles))
        if asked.weight is None
        else decimal_of("--weight", asked.weight)
    )
    slippage_bp = slippage_of(chosen.slippage_bp if asked.slippage_bp is None else asked.slippage_bp)
    cash = chosen.cash if asked.cash is None else decimal_of("--cash", asked.cash)
    own, *also = (Listing(*open_source(file, asked.market, settings.candles.folder)) for file in asked.candles)
    if also:
        common_timeframe([(listing.market, listing.bars) for listing in (own, *also)])
    return Job(
        strategy=strategy,
        market=own.market,
        bars=own.bars,
        setting=Setting(cash=cash_of(cash, own.market), weight=weight, slippage_bp=slippage_bp, entry=entry_of(asked)),
        runner=runner,
        beside=other_listings(strategy, own, asked.candles[0], asked.with_ or [], settings.candles.folder, also),
        also=also,
    )


def shared_weight(weight: Decimal, markets: int) -> Decimal:
    """What each market gets where nothing else is said: together they can all be entered fully.

    >>> shared_weight(Decimal("0.95"), 1), shared_weight(Decimal("0.95"), 3)
    (Decimal('0.95'), Decimal('0.316666'))
    """
    return weight if markets == 1 else (weight / markets).quantize(WEIGHT_MIN, ROUND_DOWN)


def backtested(job: Job) -> FinishedRun:
    """The run by the kernel, with the equity after each bar, or after each T of several markets."""
    unit = float(job.market.quote_unit)
    result: BacktestResult | MandateResult
    if job.also:
        traded = [(listing.market, listing.bars) for listing in job.traded]
        result = run_mandate(
            job.strategy, traded, job.setting, runner=job.runner, record_equity=True, others=job.others
        )
        markets = [found.market for found in result.markets]
    else:
        result = run(
            job.strategy, job.market, job.bars, job.setting, runner=job.runner, record_equity=True, others=job.others
        )
        markets = [result.market]
    equity = [] if result.equity is None else (np.asarray(result.equity) * unit).tolist()
    return _finished(job, markets, result.final_equity, result.trades, result.open_positions, result.refusals, equity)


def replayed(job: Job, before_step: Callable[[Replay], bool] = lambda _: True) -> FinishedRun:
    """The same run by the live stack on the simulated exchange."""
    outcome = replay(plan_of(job), before_step)
    refuse_halted(outcome)
    user, markets = outcome.users[0], [listing.market for listing in job.traded]
    return _finished(job, markets, user.final_equity, user.trades, user.positions, user.refusals)


def plan_of(job: Job) -> Plan:
    """One user with all of the cash."""
    traded, beside = ([on_our_venue(each) for each in listings] for listings in (job.traded, job.beside))
    player = Player(
        name="replay",
        strategy=job.strategy,
        markets=tuple(listing.market.id for listing in traded),
        capital=job.setting.cash,
        weight=job.setting.weight,
        limits=job.setting.limits,
        entry=job.setting.entry,
    )
    return Plan(listings=[*traded, *beside], players=[player], slippage_bp=job.setting.slippage_bp)


def refuse_halted(outcome: Outcome) -> None:
    """Raise AccountHalted when an account did not reach the end; its figures would mislead."""
    for error in outcome.halted.values():
        first_line = (str(error).splitlines() or [""])[0]
        raise AccountHalted(why=f"{type(error).__name__}: {first_line}") from error


def _finished(
    job: Job,
    markets: Sequence[Market],
    final_equity: Decimal,
    trades: Sequence[Trade],
    open_positions: Sequence[Position],
    refusals: Sequence[Refusal],
    equity: Sequence[float] = (),
) -> FinishedRun:
    place = {market.symbol: number for number, market in enumerate(markets)}
    if len(markets) > 1:
        # What happens at one time in several markets is told in the mandate's order, whoever ran it.
        trades = sorted(trades, key=lambda trade: (trade.exit_time_ms, place[symbol_of(trade.market)]))
        refusals = sorted(refusals, key=lambda refusal: (refusal.time_ms, place[symbol_of(refusal.market)]))
    return FinishedRun(
        strategy=job.strategy.name,
        values=job.strategy.values,
        markets=markets,
        timeframe_ms=job.bars.timeframe_ms,
        slippage_bp=job.setting.slippage_bp,
        bars_each=[len(listing.bars) for listing in job.traded],
        start_ms=min(int(listing.bars.open_time[0]) for listing in job.traded),
        end_ms=max(listing.bars.close_time(-1) for listing in job.traded),
        cash=job.setting.cash,
        weight=job.setting.weight,
        limits=job.setting.limits,
        entry=job.setting.entry,
        final_equity=final_equity,
        trades=trades,
        open_positions=open_positions,
        refusals=refusals,
        signals=len(trades) or sum(_signals(job, listing.bars) for listing in job.traded),
        lookback=market_step(job.strategy.graph, timeframe_ms=job.bars.timeframe_ms).lookback(job.strategy.values),
        equity=equity,
    )


def _signals(job: Job, bars: Bars) -> int:
    """Entry signals before the last bar: one at the last close could not be filled any more."""
    rows = MarketStep(job.strategy, bars.timeframe_ms, job.runner).advance(bars, 0, len(bars) - 1, job.others)
    return int(((rows[:, EXPOSURE] != 0) & (rows[:, PREVIOUS_EXPOSURE] != rows[:, EXPOSURE])).sum())
