"""One backtest of a mandate over several markets: one strategy, one wallet, the markets in lock step.

Each market's part runs compiled over a block of time at once; then the account part (`batch_kernel`) walks the block T by
T over all markets. Both keep their rows from block to block, so blocks leave no trace in the result. A single market has
`run`, where both parts are one loop; here it would give the same. A mandate that was changed on the way (its capital, its
limits) is run under each of its terms in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tradepool.core.account import account_step as step
from tradepool.core.account import limit_step
from tradepool.core.account.terms import price_scale
from tradepool.core.backtest import batch_bars, batch_kernel, fills
from tradepool.core.backtest.batch_bars import PLACE_SIZE
from tradepool.core.backtest.loop import switched, switches_of, ticks_of
from tradepool.core.backtest.result import MandateResult, MarketResult, market_result
from tradepool.core.backtest.run import Setting, market_for, room_for, terms_under
from tradepool.core.compiler.functions import Function
from tradepool.core.compiler.program import Program
from tradepool.core.compiler.runners import Runner, load
from tradepool.core.compiler.vocabulary import Floats
from tradepool.core.graph.step import StepSource, market_step
from tradepool.core.market.align import columns
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import NOTHING
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import InvalidInput
from tradepool.domain.market import Market

# With fewer the calls count; with more a block leaves the cache.
BLOCK_BARS = 16_384
PREPARED_MAX = 64
Ints = NDArray[np.int64]


class NotOneMandate(InvalidInput):
    """These markets can't be one mandate: {why}; give each market of one exchange once, in one quote asset, with candles of one timeframe."""


@dataclass(frozen=True, slots=True)
class Change:
    """From the first T that is not before `time_ms` on the mandate is this one: what its capital (`Setting.cash`) grew by is
    put in. `resumed`: a person lets it trade on, and limits on losses measure from there."""

    time_ms: int
    setting: Setting
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class _Series:
    """One market's candles in whole numbers, and its step at work: `memory` and `inputs` are what the step is called with."""

    market: Market
    bars: Bars
    ticks: Sequence[Ints]
    memory: Sequence[object]
    inputs: Sequence[object]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The account's arrays, rows of each market behind each other, and the records."""

    wallet: Ints
    slots: Ints
    terms: Ints
    places: Ints
    order: Ints
    scales: Floats
    trades: Ints
    refusals: Ints
    counts: Ints


def run_mandate(
    strategy: Strategy,
    traded: Sequence[tuple[Market, Bars]],
    setting: Setting,
    *,
    runner: Runner = "any",
    record_equity: bool = False,
    others: Mapping[str, Bars] | None = None,
    changes: Sequence[Change] = (),
    block_bars: int = BLOCK_BARS,
) -> MandateResult:
    """Run one strategy over several markets, in the mandate's order, with cash they share.

    `others` are the bars of all markets that the strategy reads by name, traded ones included. What `setting.weight`
    says is the share of the mandate's equity a full position in one market takes. `changes` are in order of time.
    `block_bars` changes nothing but the time it takes. Raises NotOneMandate, and what `run` does.
    """
    traded = [(market_for(strategy, market), bars) for market, bars in traded]
    timeframe_ms = common_timeframe(traded)
    source, market_part = _market_part(strategy, timeframe_ms, runner)
    columns = strategy.graph.columns
    account = _account_part((*switches_of(strategy), ("LEVELS_SIZE", columns)), runner)
    all_series = [_series(strategy, source, market, bars, others) for market, bars in traded]
    rows = _rows(all_series, setting, watched=bool(changes))
    shown: list[tuple[Ints, Ints]] = []
    block = _Block(len(all_series), columns, block_bars)
    ahead, now = list(changes), setting
    for first_ms, steps, ranges in _blocks(all_series, timeframe_ms, block_bars, changes):
        while ahead and ahead[0].time_ms <= first_ms:
            _change(rows, all_series, now, ahead[0])
            now = ahead.pop(0).setting
        for m, (series, (i0, i1)) in enumerate(zip(all_series, ranges, strict=True)):
            block.take(rows.places, m, series, i0, i1)
            market_part(*series.memory, *series.inputs, i0, i1, block.levels[m * block.stride :].reshape(-1))
        account(
            rows.wallet, rows.slots, rows.terms, rows.places, rows.order, rows.scales, rows.trades, rows.refusals,
            rows.counts, block.levels.reshape(-1), *block.bars, block.equity, block.stride, len(all_series), first_ms, steps,
            timeframe_ms, record_equity,
        )  # fmt: skip
        if record_equity:
            shown.append(block.shown(all_series, ranges, first_ms, steps, timeframe_ms))
    return _result(strategy, setting, all_series, rows, shown)


class _Block:
    """Bars and levels of a block of time, `stride` rows a market: those that close in it, and one more to act at."""

    def __init__(self, markets: int, columns: int, block_bars: int) -> None:
        self.stride = block_bars + 1
        self.bars = [np.empty(markets * self.stride, np.int64) for _ in range(5)]
        self.levels = np.empty((markets * self.stride, columns))
        self.equity = np.empty(block_bars, np.int64)

    def take(self, places: Ints, m: int, series: _Series, i0: int, i1: int) -> None:
        """Copy a market's bars `i0` to `i1`, which may be the one after the last, and say where it stands."""
        begin, more = m * self.stride, min(i1 + 1, len(series.bars))
        for column, values in zip(self.bars, (series.bars.open_time, *series.ticks), strict=True):
            column[begin : begin + more - i0] = values[i0:more]
        place = places[m * PLACE_SIZE :]
        place[batch_bars.BAR], place[batch_bars.BARS] = 0, i1 - i0
        place[batch_bars.ENDS] = min(i1, len(series.bars) - 1) - i0

    def shown(
        self,
        all_series: Sequence[_Series],
        ranges: Sequence[tuple[int, int]],
        first_ms: int,
        steps: int,
        timeframe_ms: int,
    ) -> tuple[Ints, Ints]:
        """The Ts of the block at which some candle closed, and the equity there."""
        there = np.zeros(steps, bool)
        for series, (i0, i1) in zip(all_series, ranges, strict=True):
            there[(series.bars.open_time[i0:i1] + timeframe_ms - first_ms) // timeframe_ms] = True
        at = np.flatnonzero(there)
        return first_ms + at * timeframe_ms, self.equity[at]


def _blocks(
    all_series: Sequence[_Series], timeframe_ms: int, block_bars: int, changes: Sequence[Change]
) -> Iterator[tuple[int, int, Sequence[tuple[int, int]]]]:
    """First T and number of Ts of each block, and which bars of each market close in it; empty ones are left out. None
    goes on over a change."""
    first = min(int(series.bars.open_time[0]) for series in all_series)
    last = max(int(series.bars.open_time[-1]) for series in all_series)
    changed = (-(-change.time_ms // timeframe_ms) * timeframe_ms - timeframe_ms for change in changes)
    begins = {*range(first, last + 1, block_bars * timeframe_ms), *(at for at in changed if first < at <= last)}
    for begin, end in pairwise([*sorted(begins), last + timeframe_ms]):
        ranges = [
            (int(at[0]), int(at[1]))
            for at in (np.searchsorted(series.bars.open_time, (begin, end)) for series in all_series)
        ]
        if any(i1 > i0 for i0, i1 in ranges):
            yield begin + timeframe_ms, (end - begin) // timeframe_ms, ranges


def common_timeframe(traded: Sequence[tuple[Market, Bars]]) -> int:
    """The timeframe (ms) of markets that can be one mandate. Raises NotOneMandate."""
    symbols = [market.symbol for market, _ in traded]
    why = ""
    if not traded or not all(len(bars) for _, bars in traded):
        why = "one of them has no candles" if traded else "there is none"
    elif len(set(symbols)) < len(symbols):
        why = f"{', '.join(symbols)} has one twice"
    elif len({market.venue for market, _ in traded}) > 1:
        why = "an account is at one exchange, and they are of several"
    elif len({(market.quote, market.quote_unit) for market, _ in traded}) > 1:
        why = f"{', '.join(symbols)} are not quoted in one asset"
    elif len({bars.timeframe_ms for _, bars in traded}) > 1:
        why = "their candles are of different timeframes"
    elif any((bars.open_time % bars.timeframe_ms).any() for _, bars in traded):
        why = "candles do not begin on whole timeframes"
    if why:
        raise NotOneMandate(why=why)
    return traded[0][1].timeframe_ms


@lru_cache(maxsize=PREPARED_MAX)
def _market_part(strategy: Strategy, timeframe_ms: int, runner: Runner) -> tuple[StepSource, Function]:
    """The step that live trading runs, too; a strategy is one object, so a second run finds it here."""
    source = market_step(strategy.graph, timeframe_ms=timeframe_ms)
    return source, load(source.program, runner, [source.name])[source.name]


@cache
def _account_part(switches: tuple[tuple[str, int], ...], runner: Runner) -> Function:
    """The same for all strategies that do the same things."""
    return load(switched(Program.of(batch_kernel), switches), runner, ["run_block"])["run_block"]


def _series(
    strategy: Strategy,
    source: StepSource,
    market: Market,
    bars: Bars,
    others: Mapping[str, Bars] | None,
) -> _Series:
    return _Series(
        market=market,
        bars=bars,
        ticks=ticks_of(bars, price_scale(market)),
        memory=(np.zeros(source.state_size), NOTHING, source.rows(strategy.values)[0], NOTHING),
        inputs=columns(source, bars, 0, None, others),
    )


def _terms(all_series: Sequence[_Series], setting: Setting, *, watched: bool) -> Ints:
    """The terms of every market. Live, the equity at the start of a day is noted whatever is asked; here only where a limit
    wants it, or may come to want it (`watched`)."""
    found: list[int] = []
    for series in all_series:
        terms = terms_under(series.market, setting)
        terms[step.TRADES_MAX], terms[step.REFUSALS_MAX] = room_for(series.bars)
        terms[limit_step.WATCHED] |= watched
        found += terms
    return np.array(found, np.int64)


def _rows(all_series: Sequence[_Series], setting: Setting, *, watched: bool) -> _Rows:
    count, cash = len(all_series), all_series[0].market.quote_units(setting.cash)
    wallet = np.zeros(step.WALLET_SIZE, np.int64)
    wallet[step.CASH] = cash
    counts = np.zeros(count * fills.COUNTS_SIZE, np.int64)
    counts[fills.CASH_PEAK :: fills.COUNTS_SIZE] = cash
    places = np.zeros(count * PLACE_SIZE, np.int64)
    terms = _terms(all_series, setting, watched=watched)
    sizes = [
        (terms[most :: step.TERMS_SIZE] * size).tolist()
        for most, size in ((step.TRADES_MAX, fills.TRADE_SIZE), (step.REFUSALS_MAX, fills.REFUSAL_SIZE))
    ]
    for field, parts in zip((batch_bars.TRADES_AT, batch_bars.REFUSALS_AT), sizes, strict=True):
        places[field::PLACE_SIZE] = np.cumsum([0, *parts[:-1]])
    symbols = [series.market.symbol for series in all_series]
    return _Rows(
        wallet=wallet,
        slots=np.zeros(count * step.SLOT_SIZE, np.int64),
        terms=terms,
        places=places,
        order=np.array(sorted(range(count), key=symbols.__getitem__), np.int64),
        scales=np.array([price_scale(series.market) for series in all_series]),
        trades=np.empty(sum(sizes[0]), np.int64),
        refusals=np.empty(sum(sizes[1]), np.int64),
        counts=counts,
    )


def _change(rows: _Rows, all_series: Sequence[_Series], before: Setting, change: Change) -> None:
    """As the live account takes a new mandate, and as it hears that it may trade on."""
    unit = all_series[0].market.quote_unit
    given = int((change.setting.cash - before.cash) / unit)
    rows.wallet[step.CASH] += given
    rows.counts[fills.CASH_PEAK :: fills.COUNTS_SIZE] += given
    limit_step.money_moved(rows.wallet, given)
    rows.terms[:] = _terms(all_series, change.setting, watched=True)
    if change.resumed:
        limit_step.person_resumed(rows.wallet, _equity(rows, len(all_series)))


def _equity(rows: _Rows, markets: int) -> int:
    """What the mandate is worth at its markets' last closes, in quote units."""
    # As lists: Python's integers have no width, NumPy's do.
    wallet, slots, terms, places = (each.tolist() for each in (rows.wallet, rows.slots, rows.terms, rows.places))
    return batch_bars.equity_of(wallet, slots, terms, places, markets)


def _result(
    strategy: Strategy,
    setting: Setting,
    all_series: Sequence[_Series],
    rows: _Rows,
    shown: Sequence[tuple[Ints, Ints]],
) -> MandateResult:
    """At the end every market is valued at its very last close, which nobody could act on."""
    markets: list[MarketResult] = []
    for m, series in enumerate(all_series):
        place = rows.places[m * PLACE_SIZE :]
        place[batch_bars.MARK] = series.ticks[3][-1]
        markets.append(
            market_result(
                strategy.strategy_id(series.bars.timeframe_ms),
                series.market,
                series.bars,
                slot=rows.slots[m * step.SLOT_SIZE : (m + 1) * step.SLOT_SIZE],
                counts=rows.counts[m * fills.COUNTS_SIZE :],
                trades=rows.trades[place[batch_bars.TRADES_AT] :],
                refusals=rows.refusals[place[batch_bars.REFUSALS_AT] :],
            )
        )
    equity = _equity(rows, len(all_series))
    times, values = (np.concatenate(parts) for parts in zip(*shown, strict=True)) if shown else (None, None)
    if values is not None:
        values[-1] = equity
    return MandateResult(
        strategy_id=strategy.strategy_id(all_series[0].bars.timeframe_ms),
        cash=setting.cash,
        final_equity=equity * all_series[0].market.quote_unit,
        markets=tuple(markets),
        equity_times=times,
        equity=values,
    )
