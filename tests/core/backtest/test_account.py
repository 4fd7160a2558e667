"""The kernel beside an account written anew in Decimal: the same trades to the unit, and the rules one by one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.backtest.naive import Bar, Naive, Said, run_together
from tests.core.backtest.naive_limits import Purse
from tests.core.backtest.test_runners import TIMEFRAME_MS, market_of, markets, numbers, settings_of_runs, wild_bars
from tests.core.graph.samples import examples
from tradepool.core.account.terms import price_scale
from tradepool.core.backtest.loop import ticks_of
from tradepool.core.backtest.mandate_run import Change
from tradepool.core.backtest.result import BacktestResult, MarketResult
from tradepool.core.backtest.run import Setting, market_for, run
from tradepool.core.graph.expr import Boolean, close, constant, crosses_above, crosses_below
from tradepool.core.graph.primitives import ema
from tradepool.core.graph.step import WIDE
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import MarketStep
from tradepool.core.strategies.exits import (
    Exits,
    break_even_percent,
    stop_percent,
    targets_percent,
    time_exit,
    trail_percent,
)
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.mandate import EntryKind, EntryOrder
from tradepool.domain.market import Market
from tradepool.domain.order import Side

UP, DOWN = crosses_above(ema(close, 2), ema(close, 7)), crosses_below(ema(close, 2), ema(close, 7))
STOPS = (Exits(), stop_percent(0.4), stop_percent(3.0), trail_percent(0.8), stop_percent(2.0) + trail_percent(1.0))
TARGETS = (
    Exits(),
    targets_percent(0.5),
    targets_percent(1.0, 3.0, 0.5),
    targets_percent(0.3, 0.6, 0.999),
    targets_percent(2.0, share=0.25),
    targets_percent(30.0, 60.0, 0.3),
    targets_percent(3.0, 1.0, 0.5),
    targets_percent(1.0, 2.0, 1e-7),
)
# A gain after which the stop is at the price of the entry, and a time.
LATE = (
    Exits(),
    break_even_percent(0.4),
    break_even_percent(2.0),
    time_exit(1),
    time_exit(7.5),
    break_even_percent(0.7) + time_exit(20),
)


def drawn(*, shorts: bool, stop: Exits, target: Exits, late: Exits, leave: Boolean) -> Strategy:
    """Of a strategy that shorts, the short side enters where the long one leaves."""
    if not shorts:
        return Strategy("drawn", 1, UP, leave, stop + target + late)
    return Strategy("drawn", 1, UP, leave, stop + target + late, enter_short=DOWN, exit_short=UP)


strategies = st.builds(
    drawn,
    shorts=st.booleans(),
    stop=st.sampled_from(STOPS),
    target=st.sampled_from(TARGETS),
    late=st.sampled_from(LATE),
    leave=st.sampled_from([DOWN, close < constant(0.0)]),
)


def naive_bars(strategy: Strategy, market: Market, bars: Bars) -> list[Bar]:
    """What the account in Decimal takes of ours: the signals and the ticks."""
    scale = price_scale(market)
    rows = MarketStep(strategy, bars.timeframe_ms, "reference").advance(bars)
    ticks = np.transpose(ticks_of(bars, scale)).tolist()
    rows = np.pad(rows, ((0, 0), (0, WIDE - rows.shape[1])))
    said = (rows[:, 2:] * [scale, scale, scale, scale, scale, 1.0, scale, 1.0]).tolist()
    return [
        Bar(t, t + TIMEFRAME_MS, o, h, low, c, int(row[0]), int(row[1]), far)
        for t, (o, h, low, c), row, far in zip(bars.open_time.tolist(), ticks, rows, map(Said._make, said), strict=True)
    ]


def naive_runs(
    strategy: Strategy, traded: Sequence[tuple[Market, Bars]], setting: Setting, changes: Sequence[Change] = ()
) -> tuple[list[Naive], Decimal]:
    """The same run by the account in Decimal, and its equity at the end."""
    purse = Purse(setting.cash, setting.limits, traded[0][0].quote_unit)
    naives = [Naive(market_for(strategy, market), setting, purse) for market, _ in traded]
    bars = [naive_bars(strategy, naive.market, each) for naive, (_, each) in zip(naives, traded, strict=True)]
    return naives, run_together(list(zip(naives, bars, strict=True)), TIMEFRAME_MS, changes)


def naive_run(strategy: Strategy, market: Market, bars: Bars, setting: Setting) -> tuple[Naive, Decimal]:
    """The same for one market."""
    (naive,), equity = naive_runs(strategy, [(market, bars)], setting)
    return naive, equity


def trades_of(result: MarketResult) -> list[tuple[object, ...]]:
    return [
        (
            1 if trade.side is Side.BUY else -1,
            trade.entry_time_ms,
            trade.entry_price,
            trade.quantity,
            trade.entry_fee,
            trade.exit_time_ms,
            trade.exit_fee,
            trade.pnl,
            trade.exit_reason.value,
        )
        for trade in result.trades
    ]


@given(strategies, markets, settings_of_runs, st.integers(0, 2**32 - 1), st.sampled_from([0.002, 0.01, 0.03]))
@examples(150)
def test_the_kernel_trades_as_the_design_says(
    strategy: Strategy, market: Market, setting: Setting, seed: int, volatility: float
) -> None:
    bars = wild_bars(seed, 250, str(market.price_tick), volatility)
    result = run(strategy, market, bars, setting, record_equity=True)
    naive, equity = naive_run(strategy, market, bars, setting)
    assert trades_of(result) == naive.trades
    assert sorted((refusal.time_ms, refusal.reason) for refusal in result.refusals) == sorted(naive.refusals)
    assert result.final_equity == equity
    assert numbers(result) == numbers(run(strategy, market, bars, setting, runner="reference", record_equity=True))


def played(side: int, exits: Exits, *rows: tuple[float, float, float, float], cash: int = 1_000) -> BacktestResult:
    """A position entered at the open of the second bar, 100; a short walks in a mirror at 100: open, low, high, close."""
    bars = [(100.0, 100.0, 100.0, 100.0), *rows, (rows[-1][3],) * 4]
    mirrored = [row if side > 0 else (200 - row[0], 200 - row[2], 200 - row[1], 200 - row[3]) for row in bars]
    open_, low, high, end = np.transpose(mirrored)
    times = np.arange(1, len(bars) + 1) * TIMEFRAME_MS
    series_of = Bars(
        TIMEFRAME_MS, times, *(np.ascontiguousarray(c) for c in (open_, high, low, end, np.ones(len(bars))))
    )
    always, never = close > 0, close < 0
    strategy = Strategy(
        "one",
        1,
        always if side > 0 else never,
        never,
        exits,
        enter_short=never if side > 0 else always,
        exit_short=never,
    )
    setting = Setting(Decimal(cash), Decimal("0.5"), slippage_bp=0)
    result = run(strategy, market_of("0.01", "0.01", "0.001"), series_of, setting)
    assert trades_of(result) == naive_run(strategy, market_of("0.01", "0.01", "0.001"), series_of, setting)[0].trades
    return result


def levels(stop: float, first: float = 0.0, second: float = 0.0, share: float = 1.0) -> Exits:
    """Distances that do not depend on the bar."""
    return Exits(*(constant(value) for value in (stop, 0.0, 0.0, first, second, share)))


EVEN, TRAIL = Exits(break_even=constant(3.0)), Exits(trail_distance=constant(2.0))
QUARTER_MS, HALF_MS = TIMEFRAME_MS // 4, TIMEFRAME_MS // 2


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("exits", "rows", "moved", "after_ms", "reason"),
    [
        # both within one bar: the stop first
        (levels(2, 3), [(100, 97, 104, 100)], "-2", QUARTER_MS, "stop"),
        # a stop that is jumped over fills at the open, a target at its level and never better
        (levels(2, 3), [(100, 99, 101, 100), (95, 94, 105, 100)], "-5", TIMEFRAME_MS, "stop"),
        (levels(2, 3), [(100, 99, 101, 100), (105, 90, 106, 100)], "3", TIMEFRAME_MS, "target"),
        (levels(2, 3), [(100, 99, 103, 100)], "3", HALF_MS, "target"),
        # half at the first target, half at the second or at the stop: the average of both
        (levels(2, 3, 5, 0.5), [(100, 99, 105, 100)], "4", HALF_MS, "target"),
        (levels(2, 3, 5, 0.5), [(100, 99, 103, 100), (100, 98, 100, 100)], "0.5", TIMEFRAME_MS + QUARTER_MS, "stop"),
        # a second target nearer than the first stands alone
        (levels(2, 3, 1, 0.5), [(100, 99, 104, 100)], "1", HALF_MS, "target"),
        # a part of 3 % (15 of 500) is sold, one of 1 % is too small and waits for the second target
        (levels(2, 3, 5, 0.2), [(100, 99, 103, 100), (100, 99, 105, 100)], "4.6", TIMEFRAME_MS + HALF_MS, "target"),
        (levels(2, 3, 5, 0.01), [(100, 99, 103, 100), (100, 99, 105, 100)], "5", TIMEFRAME_MS + HALF_MS, "target"),
        # after a gain of 3 the stop is at the price of the entry, and is hit there
        (levels(2) + EVEN, [(100, 99, 103, 102), (102, 99, 103, 102)], "0", TIMEFRAME_MS + QUARTER_MS, "trailing"),
        # a gain of less leaves it where it was
        (levels(2) + EVEN, [(100, 99, 102, 101), (101, 97, 102, 98)], "-2", TIMEFRAME_MS + QUARTER_MS, "stop"),
        # without a stop it is the first one; the price is below it already when it comes
        (EVEN, [(100, 95, 104, 98), (98, 97, 99, 98)], "-2", TIMEFRAME_MS, "trailing"),
        # two bars after the candle that entered
        (
            levels(9) + time_exit(2),
            [(100, 99, 101, 100), (100, 99, 102, 101), (102, 99, 103, 100)],
            "2",
            2 * TIMEFRAME_MS,
            "time_exit",
        ),
        # the stop is moved when the price is beyond the target: that is sold at market, all of it or the part
        (levels(2, 10) + TRAIL, [(100, 99, 105, 104), (111, 109, 112, 110)], "11", TIMEFRAME_MS, "target"),
        (levels(2, 10, 20, 0.5) + TRAIL, [(100, 99, 105, 104), (121, 109, 122, 110)], "21", TIMEFRAME_MS, "target"),
        (
            levels(2, 10, 20, 0.5) + TRAIL,
            [(100, 99, 105, 104), (111, 109, 120, 110)],
            "15.5",
            TIMEFRAME_MS + HALF_MS,
            "target",
        ),
        # where the stop stays, a target that the open has passed was in the book: its own level
        (levels(2, 10), [(100, 99, 105, 104), (111, 109, 112, 110)], "10", TIMEFRAME_MS, "target"),
    ],
)
def test_the_walk_of_a_bar(
    side: int, exits: Exits, rows: list[tuple[float, float, float, float]], moved: str, after_ms: int, reason: str
) -> None:
    (trade,) = played(side, exits, *rows).trades
    assert (trade.exit_price - trade.entry_price) * side == Decimal(moved)
    assert trade.exit_time_ms == 2 * TIMEFRAME_MS + after_ms
    assert trade.exit_reason == reason
    assert trade.side == (Side.BUY if side > 0 else Side.SELL)


@pytest.mark.parametrize(
    ("side", "opens", "slippage_max", "slippage_bp", "paid"),
    [
        # sized at a close of 100: the open is not beyond the limit, and no more is paid than that
        (1, 100.0, "0", 0, "100"),
        (1, 100.0, "0", 100, "100"),
        (1, 100.0, "0.005", 100, "100.5"),
        (1, 100.0, "0.02", 100, "101"),
        (1, 99.0, "0", 50, "99.5"),
        (1, 100.01, "0", 0, None),
        (1, 101.0, "0.01", 0, "101"),
        (1, 101.01, "0.01", 0, None),
        # a limit between ticks is the tick nearer to the close
        (1, 100.01, "0.00019", 0, "100.01"),
        (1, 100.02, "0.00019", 0, None),
        (-1, 100.0, "0.005", 100, "99.5"),
        (-1, 99.99, "0", 0, None),
        (-1, 99.99, "0.00019", 0, "99.99"),
        (-1, 99.98, "0.00019", 0, None),
    ],
)
def test_an_entry_with_a_limit_pays_at_most_that_or_misses(
    side: int, opens: float, slippage_max: str, slippage_bp: int, paid: str | None
) -> None:
    rows = [(100.0,) * 4, (opens,) * 4, (opens,) * 4]
    open_, high, low, end = np.transpose(rows)
    times = np.arange(1, len(rows) + 1) * TIMEFRAME_MS
    bars = Bars(TIMEFRAME_MS, times, *(np.ascontiguousarray(c) for c in (open_, high, low, end, np.ones(len(rows)))))
    always, never = close > 0, close < 0
    longs, shorts = (always, never) if side > 0 else (never, always)
    strategy = Strategy("one", 1, longs, never, Exits(), enter_short=shorts, exit_short=never)
    for kind in (EntryKind.IOC, EntryKind.FOK):
        entry = EntryOrder(kind=kind, slippage_max=Decimal(slippage_max))
        setting = Setting(Decimal(1_000), Decimal("0.5"), slippage_bp=slippage_bp, entry=entry)
        result = run(strategy, market_of("0.01", "0.01", "0.001"), bars, setting)
        assert [str(position.average_entry_price.normalize()) for position in result.open_positions] == (
            [] if paid is None else [str(Decimal(paid).normalize())]
        )
        refused = [(refusal.time_ms, refusal.reason) for refusal in result.refusals]
        assert refused == ([(2 * TIMEFRAME_MS, "price_ran")] if paid is None else [])


@pytest.mark.parametrize(("cash", "parts"), [(44, 1), (54, 2)])
def test_a_part_whose_rest_would_be_too_small_at_its_stop_waits(cash: int, parts: int) -> None:
    """Half of 0.22 is worth 11 at the price and less than 10.03 at a stop of 88; half of 0.27 is enough."""
    (trade,) = played(1, levels(12, 1, 5, 0.5), (100, 99, 101, 100), (100, 99, 105, 100), cash=cash).trades
    assert trade.exit_reason == "target"
    assert (trade.exit_price == 105) == (parts == 1)


def test_an_opposite_entry_turns_at_one_open() -> None:
    bars = wild_bars(7, 400, "0.01", 0.01)
    market, strategy = (
        market_of("0.01", "0.0001", "0.001"),
        Strategy("turns", 1, UP, DOWN, enter_short=DOWN, exit_short=UP),
    )
    trades = run(strategy, market, bars, Setting(Decimal(1_000))).trades
    assert len(trades) > 20
    for one, after in pairwise(trades):
        assert one.exit_time_ms == after.entry_time_ms
        assert {one.side, after.side} == {Side.BUY, Side.SELL}


def test_a_short_that_lost_more_than_there_was_leaves_nothing_to_enter_with() -> None:
    """No liquidation: the account owes, and every later wish is refused."""
    price = np.array([100.0, 100, 100, 900, 900, 100, 100, 100, 900, 900, 900])
    bars = Bars(TIMEFRAME_MS, np.arange(1, 12) * TIMEFRAME_MS, price, price, price, price, np.ones(11))
    low, high = close < 500, close > 500
    strategy = Strategy("owes", 1, high & low, low, enter_short=low, exit_short=high)
    result = run(strategy, market_of("0.01", "0.01", "0.001"), bars, Setting(Decimal(1_000), slippage_bp=0))
    assert result.final_equity < 0
    assert [refusal.reason for refusal in result.refusals] == ["below_minimum"]
    assert len(result.trades) == 1


@pytest.mark.parametrize(("cash", "enough"), [(2_001, False), (2_003, True), (4_000, True)])
def test_an_entry_of_which_less_is_left_than_the_venue_takes_is_refused(cash: int, enough: bool) -> None:
    """Half of the cash is spent at 10,000 a coin, a thousandth of it is the fee; a tenth of a coin is the least."""
    market = market_of("0.01", "0.00001", "0.001", 10_000)
    price = np.full(4, 10_000.0)
    bars = Bars(TIMEFRAME_MS, np.arange(1, 5) * TIMEFRAME_MS, price, price, price, price, np.ones(4))
    strategy, setting = Strategy("one", 1, close > 0, close < 0), Setting(Decimal(cash), Decimal("0.5"), slippage_bp=0)
    result, (naive, _) = run(strategy, market, bars, setting), naive_run(strategy, market, bars, setting)
    assert [refusal.reason for refusal in result.refusals] == ([] if enough else ["below_minimum"])
    assert [(refusal.time_ms, refusal.reason) for refusal in result.refusals] == naive.refusals
    assert bool(result.open_positions) == enough
