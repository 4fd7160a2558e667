"""One backtest of a mandate over several markets: one strategy, one wallet, the markets in lock step.

Each market's part runs compiled over a block of time at once; then the account part (`batch_kernel`) walks the block T by
T over all markets. Both keep their rows from block to block, so blocks leave no trace in the result. A single market has
`run`, where both parts are one loop; here it would give the same. A mandate that was changed on the way (its capital, its
limits, its strategy and markets, what the venue asks there) is run under each of its terms in turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np

from tradepool.core.account import account_step as step
from tradepool.core.account import limit_step
from tradepool.core.account.grid import in_units_of, recount, whole_in_both
from tradepool.core.account.terms import price_scale
from tradepool.core.backtest import batch_bars, batch_kernel, fills
from tradepool.core.backtest.batch_bars import PLACE_SIZE
from tradepool.core.backtest.loop import switched, switches_of, ticks_of
from tradepool.core.backtest.mandate_rows import Block, Carried, Ints, Reader, Rows, Series, Slot, blocks
from tradepool.core.backtest.result import MandateResult, MarketResult, market_result
from tradepool.core.backtest.run import Setting, market_for
from tradepool.core.compiler.functions import Function
from tradepool.core.compiler.program import Program
from tradepool.core.compiler.runners import Runner, load
from tradepool.core.graph.step import StepSource, market_step
from tradepool.core.market.align import columns
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import NOTHING
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import MarketId, StrategyId
from tradepool.domain.market import Market

# With fewer the calls count; with more a block leaves the cache.
BLOCK_BARS = 16_384
PREPARED_MAX = 64


class NotOneMandate(InvalidInput):
    """These markets can't be one mandate: {why}; give each market of one exchange once, in one quote asset, with candles of one timeframe."""


@dataclass(frozen=True, slots=True)
class Traded:
    """What a mandate trades by: a strategy, the markets in the mandate's order as they are listed, with their candles, and
    the bars of all markets that the strategy reads by name."""

    strategy: Strategy
    markets: Sequence[tuple[Market, Bars]]
    others: Mapping[str, Bars] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """From the first T that is not before `time_ms` on the mandate is this one: what its capital (`Setting.cash`) grew by is
    put in. `resumed`: a person lets it trade on, and limits on losses measure from there. `traded`: from then on by this
    (None: as before), with every market where something may be held. A strategy goes on where it stood on a market; one that
    is new there has read the candles before."""

    time_ms: int
    setting: Setting
    resumed: bool = False
    traded: Traded | None = None


def run_mandate(
    strategy: Strategy,
    traded: Sequence[tuple[Market, Bars]],
    setting: Setting,
    *,
    runner: Runner = "any",
    record_equity: bool = False,
    others: Mapping[str, Bars] | None = None,
    changes: Sequence[Change] = (),
    since_ms: int = 0,
    carried: Carried | None = None,
    block_bars: int = BLOCK_BARS,
) -> MandateResult:
    """Run one strategy over several markets, in the mandate's order, with cash they share.

    `others` are the bars of all markets that the strategy reads by name, traded ones included. What `setting.weight`
    says is the share of the mandate's equity a full position in one market takes. `changes` are in order of time. At a T
    before `since_ms` nothing is done, and the strategy only reads; `carried` is what the account has there (None: its cash
    and nothing else). `block_bars` changes nothing but the time it takes. Raises NotOneMandate, OffGrid for
    a grid on which what is held can't be counted, and what `run` does.
    """
    timeframe_ms, what = common_timeframe(traded), Traded(strategy, traded, others)
    every = [what, *(change.traded for change in changes if change.traded is not None)]
    first = max(min(int(bars.open_time[0]) for _, bars in traded), _begin(since_ms, timeframe_ms))
    last = max(int(bars.open_time[-1]) for each in every for _, bars in each.markets)
    ahead = [change for change in changes if _begin(change.time_ms, timeframe_ms) <= last]
    life = _Life(every, timeframe_ms, block_bars, runner, watched=bool(changes))
    life.turn_to(what, setting, carried or _with_cash(setting, traded[0][0]))
    begins = [first, *(max(first, _begin(change.time_ms, timeframe_ms)) for change in ahead), last + timeframe_ms]
    for (begin, end), change in zip(pairwise(begins), [*ahead, None], strict=True):
        life.live(begin, end, record_equity=record_equity)
        if change is not None:
            life.change_to(change)
    return life.result(setting)


def _begin(time_ms: int, timeframe_ms: int) -> int:
    """When the bar opens that closes at the first T that is not before a time."""
    return -(-time_ms // timeframe_ms) * timeframe_ms - timeframe_ms


def _with_cash(setting: Setting, market: Market) -> Carried:
    wallet = [0] * step.WALLET_SIZE
    wallet[step.CASH] = market.quote_units(setting.cash)
    return Carried(wallet, {})


class _Life:
    """A mandate under one of its terms after the other: its rows now, and the steps of all strategies it has traded by."""

    _traded: Traded
    _setting: Setting
    _series: list[Series]
    _finer: list[int]
    _rows: Rows
    _block: Block
    _account: Function

    def __init__(
        self, every: Sequence[Traded], timeframe_ms: int, block_bars: int, runner: Runner, *, watched: bool
    ) -> None:
        """`every` is all it will ever trade by: what one strategy entered is looked after under a later one."""
        switches = [dict(switches_of(each.strategy)) for each in every]
        self._switches = tuple((name, max(each[name] for each in switches)) for name in switches[0])
        self._timeframe_ms, self._block_bars, self._runner, self._watched = timeframe_ms, block_bars, runner, watched
        self._readers: dict[tuple[StrategyId, MarketId], Reader] = {}
        self._shown: list[tuple[Ints, Ints]] = []
        self._found: list[MarketResult] = []

    def turn_to(self, traded: Traded, setting: Setting, carried: Carried) -> None:
        """Trade by this from here on, with what the account brings along."""
        self._traded, self._setting, slots = traded, setting, carried.slots
        self._series, moved = list[Series](), dict[MarketId, Slot]()
        for listed, bars in traded.markets:
            reader, market = self._reader(traded, listed, bars), market_for(traded.strategy, listed)
            if market.id in slots:
                market = _counted(market, *slots[market.id][:2])
                moved[market.id] = _recounted(market, *slots[market.id])
            self._series.append(Series(market, reader.bars, ticks_of(reader.bars, price_scale(market)), reader))
        grids = [(each.price_tick, each.quantity_step) for each, _ in traded.markets]
        now = [(each.market.price_tick, each.market.quantity_step) for each in self._series]
        self._finer = [m for m, (grid, counted) in enumerate(zip(grids, now, strict=True)) if grid != counted]
        self._rows = Rows.of(self._series, setting, Carried(carried.wallet, moved), watched=self._watched)
        width = traded.strategy.graph.columns
        self._block = Block(len(self._series), width, self._block_bars)
        self._account = _account_part((*self._switches, ("LEVELS_SIZE", width)), self._runner)

    def _reader(self, traded: Traded, market: Market, bars: Bars) -> Reader:
        """The strategy's step on a market: where it stood, or before its first bar."""
        strategy, key = traded.strategy, (traded.strategy.strategy_id(self._timeframe_ms), market.id)
        if key not in self._readers:
            source, part = _market_part(strategy, self._timeframe_ms, self._runner)
            memory = (np.zeros(source.state_size), NOTHING, source.rows(strategy.values)[0], NOTHING)
            inputs = columns(source, bars, 0, None, traded.others)
            self._readers[key] = Reader(part, strategy.graph.columns, bars, (*memory, *inputs))
        return self._readers[key]

    def live(self, begin_ms: int, end_ms: int, *, record_equity: bool) -> None:
        """Go on over the bars that open from one time until another; bar by bar while what is held keeps a market from being
        counted in its own grid."""
        while self._finer and begin_ms < end_ms:
            self._walk(begin_ms, begin_ms + self._timeframe_ms, record_equity=record_equity)
            begin_ms += self._timeframe_ms
            if any(not self._rows.slot(m)[step.HOLDING] for m in self._finer):
                self.turn_to(self._traded, self._setting, self._left())
        self._walk(begin_ms, end_ms, record_equity=record_equity)

    def _walk(self, begin_ms: int, end_ms: int, *, record_equity: bool) -> None:
        rows, block, count, bar_ms = self._rows, self._block, len(self._series), self._timeframe_ms
        for first_ms, steps, ranges in blocks(self._series, begin_ms, end_ms, bar_ms, self._block_bars):
            for m, (series, (i0, i1)) in enumerate(zip(self._series, ranges, strict=True)):
                block.take(rows.places, m, series, i0, i1)
            self._account(
                rows.wallet, rows.slots, rows.terms, rows.places, rows.order, rows.scales, rows.trades, rows.refusals,
                rows.counts, block.levels.reshape(-1), *block.bars, block.equity, block.stride, count, first_ms, steps,
                bar_ms, record_equity,
            )  # fmt: skip
            if record_equity:
                self._shown.append(block.shown(self._series, ranges, first_ms, steps, bar_ms))

    def change_to(self, change: Change) -> None:
        """As the live account hears of new terms, takes a new mandate, and hears that it may trade on."""
        before = self._setting
        self.turn_to(change.traded or self._traded, change.setting, self._left())
        rows, given = self._rows, int((change.setting.cash - before.cash) / self._series[0].market.quote_unit)
        rows.wallet[step.CASH] += given
        rows.counts[fills.CASH_PEAK :: fills.COUNTS_SIZE] += given
        limit_step.money_moved(rows.wallet, given)
        if change.resumed:
            limit_step.person_resumed(rows.wallet, rows.equity())

    def _left(self) -> Carried:
        """What the account takes along, once what became of it until now is noted."""
        marks, those = self._rows.places[batch_bars.MARK :: PLACE_SIZE].tolist(), enumerate(self._series)
        slots = {each.market.id: (each.market, self._rows.slot(m).tolist(), marks[m]) for m, each in those}
        self._note(held=False)
        return Carried(self._rows.wallet.tolist(), slots)

    def _note(self, *, held: bool) -> None:
        """What became of it since it traded by this; with what is `held`, at the end."""
        rows, strategy_id = self._rows, self._traded.strategy.strategy_id(self._timeframe_ms)
        for m, series in enumerate(self._series):
            place, slot = rows.places[m * PLACE_SIZE :], rows.slot(m)
            self._found.append(
                market_result(
                    strategy_id,
                    series.market,
                    series.bars,
                    slot=slot if held else np.zeros_like(slot),
                    counts=rows.counts[m * fills.COUNTS_SIZE :],
                    trades=rows.trades[place[batch_bars.TRADES_AT] :],
                    refusals=rows.refusals[place[batch_bars.REFUSALS_AT] :],
                )
            )

    def result(self, setting: Setting) -> MandateResult:
        """At the end every market is valued at its very last close, which nobody could act on. `setting` is the first one."""
        for m, series in enumerate(self._series):
            self._rows.places[m * PLACE_SIZE + batch_bars.MARK] = series.ticks[3][-1]
        self._note(held=True)
        equity, shown = self._rows.equity(), self._shown
        times, values = (np.concatenate(parts) for parts in zip(*shown, strict=True)) if shown else (None, None)
        if values is not None:
            values[-1] = equity
        return MandateResult(
            strategy_id=self._traded.strategy.strategy_id(self._timeframe_ms),
            cash=setting.cash,
            final_equity=equity * self._series[0].market.quote_unit,
            markets=_joined(self._found),
            equity_times=times,
            equity=values,
        )


def _counted(listed: Market, before: Market, row: Sequence[int]) -> Market:
    """The market to count in: its own grid or, while something is held there, one on which that is whole too. OffGrid."""
    return whole_in_both(before, listed) if row[step.HOLDING] else in_units_of(before, listed)


def _recounted(market: Market, before: Market, row: Sequence[int], mark: int) -> Slot:
    recounted = list(row)
    recount(recounted, before, market)
    return market, recounted, int(mark * before.price_tick / market.price_tick)


def _joined(found: Sequence[MarketResult]) -> tuple[MarketResult, ...]:
    """One of each strategy, market and grid."""
    alike: dict[tuple[object, ...], list[MarketResult]] = {}
    for each in found:
        market = each.market
        alike.setdefault((each.strategy_id, market.id, market.price_tick, market.quantity_step), []).append(each)
    return tuple(
        replace(
            those[-1],
            round_trips=np.concatenate([each.round_trips for each in those]),
            refusals=tuple(refusal for each in those for refusal in each.refusals),
        )
        for those in alike.values()
    )


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
