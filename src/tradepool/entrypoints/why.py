"""`why`: what a strategy's entry asks for, what is missing of it now, and what became of its last signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tradepool.core.backtest.run import run
from tradepool.core.graph.step import EXPOSURE, PREVIOUS_EXPOSURE
from tradepool.core.graph.whole import NotAMultiple
from tradepool.core.market.market_step import MarketStep
from tradepool.core.strategies import catalog
from tradepool.core.strategies.explain import Explainer
from tradepool.domain.candle import timeframe_name
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.market import Market
from tradepool.domain.trade import Trade
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.inputs import Asked, settings_from
from tradepool.entrypoints.single_run import Job, job_of
from tradepool.ports.candles import is_address
from tradepool.presentation.formats import iso, plain
from tradepool.presentation.mandates_page import NowRow
from tradepool.presentation.results import SCHEMA
from tradepool.presentation.why_page import AllWhyJson, ConditionRow, PastSignal, WhyJson

SIGNALS_SHOWN = 10
AFTER_BARS = 10
# Every condition is kept for every bar, so of a longer series only its end is read: about 100 MB for 25 conditions.
BARS_MAX = 500_000


class NoCandlesOf(InvalidInput):
    """There are no candles of {market} ({there}); name a file with --candles, or fetch them (tradepool data download)."""


class OtherMarket(InvalidInput):
    """{file} holds {found}, not {market}; name its candles, or ask for {found}."""


class TooFewCandles(InvalidInput):
    """{market} has {count} candles there, and {strategy} says nothing before {wanted}; give a longer series."""


def why(
    market: str,
    strategy: str | None,
    candles: Path | None,
    *,
    param: Sequence[str] = (),
    beside: Sequence[Path] = (),
    config: Path | None = None,
) -> AllWhyJson:
    """Explain one strategy, or every one of the catalog that can read these candles, at the last candle.

    Raises NoCandlesOf, OtherMarket, TooFewCandles and what loading and running raise.
    """
    asked = Asked(
        candles=[candles or _stored(market, config)], param=list(param), with_=list(beside) or None, config=config
    )
    if strategy is not None:
        return AllWhyJson(SCHEMA, [_explained(job_of(strategy, asked), market, asked.candles[0])])
    found: list[WhyJson] = []
    count = 0
    for name in catalog.names():
        job = job_of(name, asked)
        count = len(job.bars)
        try:
            enough = MarketStep(job.strategy, job.bars.timeframe_ms, job.runner).lookback < count
        except NotAMultiple:
            continue
        if enough:
            found.append(_explained(job, market, asked.candles[0]))
    if not found:
        raise TooFewCandles(market=market, count=count, strategy="every strategy", wanted="more")
    return AllWhyJson(SCHEMA, found)


def would(deployed: Deployed, seat: Seated) -> list[NowRow]:
    """What a mandate's strategy would do on each of its markets at the last candle of the store, in words."""
    given = deployed.settings.mandates[seat.mandate.id]
    rows = list[NowRow]()
    for market in seat.mandate.markets:
        symbol, timeframe = market.partition(":")[2], timeframe_name(deployed.timeframe_ms)
        param = [f"{name}={value!r}" for name, value in given.parameters.items()]
        try:
            (told,) = why(f"{market}@{timeframe}", given.strategy, None, param=param, config=deployed.file).strategies
        except TradepoolError as error:
            rows.append(NowRow(symbol, None, f"not known: {str(error).rstrip('.')}"))
            continue
        missing = [row.condition for row in told.conditions if not row.holds]
        entered = f"it enters: {told.reason}" if told.enters else f"it does not enter: missing {', '.join(missing[:3])}"
        rows.append(NowRow(symbol, told.time, "it is in already, and holds" if told.level else entered))
    return rows


def _stored(market: str, config: Path | None) -> Path:
    """The address of a market's candles in the store; of several timeframes the one with most candles is not guessed."""
    from tradepool.adapters.candle_store.store import FileStore

    if is_address(market):
        return Path(market)
    there = FileStore(settings_from(config).candles.folder).series()
    fit = [each for each in there if market in (each.symbol, f"{each.venue}:{each.symbol}")]
    if len(fit) != 1:
        named = ", ".join(map(str, fit[:5])) or "none is stored"
        raise NoCandlesOf(market=repr(market)[:60], there=f"of several say which: {named}" if fit else named)
    return Path(str(fit[0]))


def _explained(job: Job, asked: str, file: Path) -> WhyJson:
    _refuse_another(job.market, asked, file)
    if len(job.bars) > BARS_MAX:
        job = replace(job, bars=job.bars.slice(len(job.bars) - BARS_MAX, len(job.bars)))
    strategy, bars = job.strategy, job.bars
    step = MarketStep(strategy, bars.timeframe_ms, job.runner)
    if len(bars) <= step.lookback:
        raise TooFewCandles(market=asked, count=len(bars), strategy=strategy.name, wanted=f"{step.lookback + 1}")
    rows = step.advance(bars, others=job.others)
    explainer = Explainer(strategy, bars, job.others, job.runner)
    now = explainer.at(-1)
    edges = np.flatnonzero((rows[:, EXPOSURE] > 0.0) & (rows[:, PREVIOUS_EXPOSURE] <= 0.0)).tolist()
    return WhyJson(
        strategy=strategy.name,
        market=job.market.symbol,
        timeframe=timeframe_name(bars.timeframe_ms),
        time=iso(bars.close_time(-1)),
        close=float(bars.close[-1]),
        level=float(rows[-1, EXPOSURE]),
        enters=now.holds,
        confidence=now.confidence,
        reason=now.reason,
        conditions=[
            ConditionRow(row.depth, row.text, row.holds, row.value, row.limit, row.missing, row.bars)
            for row in now.rows
        ],
        after_bars=AFTER_BARS,
        signals=_past(job, explainer, edges[-SIGNALS_SHOWN:]) if edges else [],
    )


def _refuse_another(market: Market, asked: str, file: Path) -> None:
    symbol = asked.partition("@")[0].partition(":")[2] if is_address(asked) else asked
    if symbol.partition(":")[0] != market.symbol and symbol != market.id:
        raise OtherMarket(file=file, found=market.symbol, market=repr(asked)[:60])


def _past(job: Job, explainer: Explainer, edges: Sequence[int]) -> list[PastSignal]:
    """Signals, the newest last: an order decided at a close fills at the next bar's open, and that trade is its own."""
    bars = job.bars
    result = run(job.strategy, job.market, bars, job.setting, runner=job.runner, others=job.others)
    filled = {_bar_before(trade.entry_time_ms, bars.open_time): trade for trade in result.trades}
    opened = {_bar_before(position.opened_time_ms, bars.open_time) for position in result.open_positions}
    refused = {refusal.time_ms: str(refusal.reason) for refusal in result.refusals}
    found = []
    for index in edges:
        told, later = explainer.at(index), index + AFTER_BARS
        trade = filled.get(index)
        outcome = "open" if index in opened else refused.get(bars.close_time(index), "no trade")
        found.append(
            PastSignal(
                time=iso(bars.close_time(index)),
                price=float(bars.close[index]),
                confidence=told.confidence,
                reason=told.reason,
                change=float(bars.close[later] / bars.close[index]) - 1.0 if later < len(bars) else None,
                outcome=outcome if trade is None else str(trade.exit_reason.value),
                pnl=_gain(trade),
            )
        )
    return found


def _gain(trade: Trade | None) -> str | None:
    return None if trade is None else plain(trade.pnl)


def _bar_before(time_ms: int, open_times: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    """The bar at whose close an order was decided that was filled at this time: the last to open before it."""
    return int(np.searchsorted(open_times, time_ms, side="left")) - 1
