"""Several markets with one wallet: to the unit what an account written anew finds, and with one market what `run` finds."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.core.backtest.test_account import DOWN, UP, levels, naive_runs, strategies, trades_of
from tests.core.backtest.test_runners import TIMEFRAME_MS, market_of, markets, settings_of_runs, wild_bars
from tests.core.graph.samples import examples
from tradepool.core.backtest.mandate_run import Change, NotOneMandate, Traded, run_mandate
from tradepool.core.backtest.result import MandateResult
from tradepool.core.backtest.run import Setting, run
from tradepool.core.graph.expr import close, constant
from tradepool.core.graph.scope import of as on_market
from tradepool.core.market.bars import Bars
from tradepool.core.strategies.exits import Exits, stop_percent
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.mandate import Limits
from tradepool.domain.market import Market

SYMBOLS = ("BBB", "AAA", "CCC")
CASH = Setting(Decimal(1_000), Decimal("0.4"), slippage_bp=0)
PLAIN = market_of("0.01", "0.01", "0.001")


def bars_with_holes(seed: int, market: Market, volatility: float) -> Bars:
    """A series with holes of its own on the common grid, and ends of its own."""
    bars = wild_bars(seed, 300, str(market.price_tick), volatility)
    times = np.cumsum(1 + (np.random.default_rng(seed).random(300) < 0.2)) * TIMEFRAME_MS
    whole = replace(bars, open_time=times)
    return whole.slice(seed % 40, 300 - seed // 40 % 60)


def found(result: MandateResult) -> tuple[object, ...]:
    """Everything, as values that compare exactly."""
    assert result.equity is not None
    assert result.equity_times is not None
    plain = (result.trades, result.refusals, result.open_positions, result.final_equity)
    return (*plain, result.equity.tolist(), result.equity_times.tolist())


@given(
    strategies,
    st.lists(markets, min_size=1, max_size=3),
    settings_of_runs,
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.002, 0.01, 0.03]),
    st.sampled_from([7, 64, 16_384]),
)
@examples(100)
def test_several_markets_trade_as_the_design_says(
    strategy: Strategy, drawn: list[Market], setting: Setting, seed: int, volatility: float, block_bars: int
) -> None:
    """Sizes, cash, refusals of both kinds, stops that sell at once, whatever the grids, holes, ends and blocks."""
    named = [replace(market, base=base) for market, base in zip(drawn, SYMBOLS, strict=False)]
    traded = [(market, bars_with_holes(seed + at, market, volatility)) for at, market in enumerate(named)]
    result = run_mandate(strategy, traded, setting, record_equity=True, block_bars=block_bars)
    naives, equity = naive_runs(strategy, traded, setting)
    for naive, of in zip(naives, result.markets, strict=True):
        assert trades_of(of) == naive.trades
        assert sorted((refusal.time_ms, refusal.reason) for refusal in of.refusals) == sorted(naive.refusals)
        assert len(of.open_positions) == (naive.held is not None)
    assert result.final_equity == equity
    plain = run_mandate(strategy, traded, setting, record_equity=True, runner="reference")
    assert found(plain) == found(result)


RISKED = Limits(trade_risk_max=Decimal("0.003"), loss_streak_max=2, cool_down_minutes=60)


# A turn that is too small for its risk, and whose exit's loss begins a cool-down: the exit comes first.
@example(
    strategy=Strategy("s", 1, UP, DOWN, Exits(stop_distance=close * 0.03), enter_short=DOWN, exit_short=UP),
    market=market_of("0.01", "1", "0"),
    setting=Setting(Decimal(1_000), Decimal("0.3"), RISKED, slippage_bp=0),
    seed=0,
    volatility=0.002,
)
@given(strategies, markets, settings_of_runs, st.integers(0, 2**32 - 1), st.sampled_from([0.002, 0.03]))
@examples(60)
def test_one_market_is_a_mandate_of_one(
    strategy: Strategy, market: Market, setting: Setting, seed: int, volatility: float
) -> None:
    bars = wild_bars(seed, 300, str(market.price_tick), volatility)
    alone = run(strategy, market, bars, setting, record_equity=True)
    result = run_mandate(strategy, [(market, bars)], setting, record_equity=True, block_bars=100)
    assert (result.trades, result.open_positions, result.final_equity) == (
        alone.trades,
        alone.open_positions,
        alone.final_equity,
    )
    assert sorted(map(repr, result.refusals)) == sorted(map(repr, alone.refusals))
    assert alone.equity is not None
    assert result.equity is not None
    assert result.equity_times is not None
    assert result.equity.tolist() == list(alone.equity)
    assert result.equity_times.tolist() == (bars.open_time + TIMEFRAME_MS).tolist()


changed = st.builds(Change, st.integers(0, 500 * TIMEFRAME_MS), settings_of_runs, st.booleans())


@given(
    strategies,
    st.lists(markets, min_size=1, max_size=3),
    settings_of_runs,
    st.lists(changed, min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
    st.sampled_from([7, 16_384]),
)
@examples(60)
def test_a_mandate_that_changes_on_the_way_is_run_under_each_of_its_terms(
    strategy: Strategy, drawn: list[Market], setting: Setting, drawn_changes: list[Change], seed: int, block_bars: int
) -> None:
    """Capital given and taken, other limits, another share of it, and losses forgiven: to the unit."""
    changes = sorted(drawn_changes, key=lambda change: change.time_ms)
    named = [replace(market, base=base) for market, base in zip(drawn, SYMBOLS, strict=False)]
    traded = [(market, bars_with_holes(seed + at, market, 0.01)) for at, market in enumerate(named)]
    result = run_mandate(strategy, traded, setting, changes=changes, record_equity=True, block_bars=block_bars)
    naives, equity = naive_runs(strategy, traded, setting, changes)
    for naive, of in zip(naives, result.markets, strict=True):
        assert trades_of(of) == naive.trades
        assert sorted((refusal.time_ms, refusal.reason) for refusal in of.refusals) == sorted(naive.refusals)
    assert result.final_equity == equity


def flat_bars(*closes: float) -> Bars:
    """Bars that stand still at a price each, one after the other, from the second day on."""
    prices = np.array(closes)
    times = (288 + np.arange(len(closes))) * TIMEFRAME_MS
    return Bars(TIMEFRAME_MS, times, prices, prices, prices, prices, np.ones(len(closes)))


RISES = Strategy("rises", 1, close > constant(100.0), close < constant(100.0))


def entered(result: MandateResult) -> list[str]:
    return [position.market.split(":")[1][:3] for position in result.open_positions]


def named(*bases: str) -> list[Market]:
    return [replace(PLAIN, base=base) for base in bases]


def test_cash_goes_in_the_mandates_order_and_the_rest_is_refused() -> None:
    bars = flat_bars(100, 101, 101, 101)
    two = [(market, bars) for market in named("ZZZ", "AAA")]
    for traded in (two, two[::-1]):
        result = run_mandate(RISES, traded, replace(CASH, weight=Decimal("0.9")))
        assert entered(result) == [traded[0][0].base]
        ((refusal),) = result.refusals
        assert (refusal.market, refusal.reason) == (traded[1][0].id, "insufficient_cash")


def test_an_exit_pays_for_an_entry_of_the_same_t_in_another_market() -> None:
    """Whatever the mandate's order: exits come first."""
    leaves, enters = flat_bars(101, 101, 99, 99, 99), flat_bars(99, 99, 101, 101, 101)
    for names in (("AAA", "BBB"), ("BBB", "AAA")):
        traded = list(zip(named(*names), (leaves, enters), strict=True))
        for order in (traded, traded[::-1]):
            result = run_mandate(RISES, order, replace(CASH, weight=Decimal("0.9")))
            assert [trade.market for trade in result.trades] == [traded[0][0].id]
            assert (entered(result), result.refusals) == ([traded[1][0].base], ())


def test_sizes_follow_the_equity_of_the_whole_mandate_and_so_does_its_daily_loss() -> None:
    """One market's open loss makes the other's entry smaller, or stops it."""
    falls, later = flat_bars(101, 101, 100.5, 100.5, 100.5), flat_bars(99, 99, 101, 101)
    traded = list(zip(named("AAA", "BBB"), (falls, later), strict=True))
    limited = replace(CASH, limits=Limits(daily_loss_max=Decimal("0.001")))
    assert [refusal.reason for refusal in run_mandate(RISES, traded, limited).refusals] == ["daily_loss"]
    (bought,) = run_mandate(RISES, traded[1:], CASH).open_positions
    _, beside = run_mandate(RISES, traded, CASH).open_positions
    assert beside.quantity < bought.quantity


def test_a_change_on_the_way_is_heard_as_a_live_account_hears_it() -> None:
    """4 % are lost in the first trade; whether that keeps the second one away depends on what was changed before it."""
    traded = [(PLAIN, flat_bars(99, 101, 101, 90, 90, 101, 101, 101))]
    free, strict = CASH, replace(CASH, limits=Limits(daily_loss_max=Decimal("0.02")))
    at_ms = (288 + 4) * TIMEFRAME_MS + 1

    def refused(setting: Setting, *changes: Change) -> list[str]:
        return [refusal.reason for refusal in run_mandate(RISES, traded, setting, changes=changes).refusals]

    assert (refused(free), refused(strict)) == ([], ["daily_loss"])
    assert refused(free, Change(at_ms, strict)) == ["daily_loss"]
    assert refused(strict, Change(at_ms, free)) == []
    assert refused(strict, Change(at_ms, strict, resumed=True)) == []
    # What is taken out is no loss.
    loose = replace(CASH, limits=Limits(daily_loss_max=Decimal("0.2")))
    assert refused(loose, Change(at_ms, replace(loose, cash=Decimal(500)))) == []
    # What comes after the T of the second entry is too late for it.
    assert refused(free, Change(at_ms + 2 * TIMEFRAME_MS, strict)) == []


@given(
    strategies,
    st.lists(markets, min_size=1, max_size=3),
    settings_of_runs,
    st.lists(st.integers(0, 500 * TIMEFRAME_MS), min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
)
@examples(40)
def test_a_change_to_the_same_leaves_no_trace(
    strategy: Strategy, drawn: list[Market], setting: Setting, times: list[int], seed: int
) -> None:
    """Everything is carried over: steps, money, positions, what limits remember."""
    named = [replace(market, base=base) for market, base in zip(drawn, SYMBOLS, strict=False)]
    traded = [(market, bars_with_holes(seed + at, market, 0.01)) for at, market in enumerate(named)]
    same = [Change(at_ms, setting, traded=Traded(strategy, traded)) for at_ms in sorted(times)]
    result = run_mandate(strategy, traded, setting, changes=same, record_equity=True)
    assert found(result) == found(run_mandate(strategy, traded, setting, record_equity=True))


def test_fees_and_grids_are_those_of_the_time_and_what_is_held_is_counted_on() -> None:
    """Bought in thousandths and sold at ten times the fee when whole ones are asked; the next purchase is whole."""
    bars = flat_bars(99, 101, 101, 101, 99, 99, 101, 101, 101)
    fees = replace(PLAIN.fees, taker_rate=PLAIN.fees.taker_rate * 10)
    wide = replace(PLAIN, price_tick=Decimal("0.1"), quantity_step=Decimal(1), quantity_min=Decimal(1), fees=fees)
    at_ms = (288 + 3) * TIMEFRAME_MS
    setting = replace(CASH, weight=Decimal("0.37"))
    result = run_mandate(
        RISES, [(PLAIN, bars)], setting, changes=[Change(at_ms, setting, traded=Traded(RISES, [(wide, bars)]))]
    )
    (trade,), (held,) = result.trades, result.open_positions
    prices = (Decimal(101), Decimal(99), Decimal("3.66"))
    assert (trade.entry_price, trade.exit_price, trade.quantity) == prices
    sold = trade.quantity - trade.entry_fee
    assert trade.exit_fee / (sold * 99) == pytest.approx(fees.taker_rate, rel=Decimal("0.01"))
    assert held.quantity + held.entry_fee == pytest.approx(3, abs=Decimal("0.01"))
    assert [each.market.quantity_step for each in result.markets] == [PLAIN.quantity_step, Decimal(1)]
    # Its dust goes along.
    assert held.quantity % 1 != 0


FALLS = Strategy("falls", 1, close < constant(100.0), close > constant(100.0))


def test_another_strategy_and_another_market_count_from_their_time_on() -> None:
    """What one strategy holds the next one decides about; it reads what came before, and does nothing about that."""
    one, other = named("AAA", "BBB")
    bars = flat_bars(99, 101, 101, 101, 99, 99, 99, 101)
    at_ms = (288 + 4) * TIMEFRAME_MS
    both = Traded(FALLS, [(other, bars), (one, bars)])
    result = run_mandate(RISES, [(one, bars)], CASH, changes=[Change(at_ms, CASH, traded=both)])
    (trade,) = result.trades
    # The T of the change is the first one's that it decides about: the price is above, so it leaves.
    assert (trade.market, trade.entry_time_ms, trade.exit_time_ms) == (one.id, (288 + 2) * TIMEFRAME_MS, at_ms)
    assert entered(result) == ["BBB", "AAA"]
    assert {each.opened_time_ms for each in result.open_positions} == {(288 + 5) * TIMEFRAME_MS}


def test_what_came_before_it_counts_is_only_read() -> None:
    bars = flat_bars(99, 101, 99, 101, 101, 101)
    for since, entries in ((0, 2), (288 + 2, 2), (288 + 3, 1), (288 + 5, 0)):
        result = run_mandate(RISES, [(PLAIN, bars)], CASH, since_ms=since * TIMEFRAME_MS)
        assert len(result.trades) + len(result.open_positions) == entries


def walked(*rows: tuple[float, float, float, float]) -> Bars:
    """Bars of an open, a low, a high and a close each."""
    open_, low, high, end = (np.array(column) for column in zip(*rows, strict=True))
    times = (288 + np.arange(len(rows))) * TIMEFRAME_MS
    return Bars(TIMEFRAME_MS, times, open_, high, low, end, np.ones(len(rows)))


@pytest.mark.parametrize("streak", [2, 1])
def test_a_streak_of_losses_is_counted_in_the_order_of_time(streak: int) -> None:
    """A stop at a quarter of the bar, then a gain elsewhere at half of it: no streak, whatever the order of markets."""
    below, above = (99, 99, 99, 99), (101, 101, 101, 101)
    loses, gains = (101, 98, 101, 101), (101, 101, 105, 104)
    traded = [
        (named("AAA")[0], walked(below, above, gains, *[below] * 6)),
        (named("BBB")[0], walked(below, above, loses, below, above, loses, below, above, above)),
    ]
    strategy = replace(RISES, exits=levels(2, 3))
    limited = replace(CASH, limits=Limits(loss_streak_max=streak))
    for order in (traded, traded[::-1]):
        result = run_mandate(strategy, order, limited)
        ended = [of.trades[0] for of in result.markets]
        assert sorted(trade.exit_reason.value for trade in ended) == ["stop", "target"]
        assert ended[0].entry_time_ms == ended[1].entry_time_ms
        assert [refusal.reason for refusal in result.refusals] == ([] if streak == 2 else ["loss_streak"] * 2)


@pytest.mark.parametrize("names", [("AAA", "BBB"), ("BBB", "AAA")])
def test_trades_that_close_at_one_moment_count_for_a_streak_whatever_their_names(names: tuple[str, str]) -> None:
    """After a loss one market opens below its stop and the other above its target: the gain counts first."""
    below, above = (99, 99, 99, 99), (101, 101, 101, 101)
    loses, gains = (90, 90, 99, 99), (110, 99, 110, 99)
    traded = [
        (named(names[0])[0], walked(below, above, above, loses, above, above, loses, above, above)),
        (named(names[1])[0], walked(*[below] * 4, above, above, gains, above, above)),
    ]
    strategy = replace(RISES, exits=levels(2, 3))
    for order in (traded, traded[::-1]):
        result = run_mandate(strategy, order, replace(CASH, limits=Limits(loss_streak_max=2)))
        first, last = sorted((of.trades[-1] for of in result.markets), key=lambda trade: trade.pnl)
        assert first.pnl < 0 < last.pnl
        assert first.exit_time_ms == last.exit_time_ms
        assert result.refusals == ()


def test_a_series_that_ends_leaves_its_position_and_the_others_go_on() -> None:
    ends, goes_on = flat_bars(101, 101, 150), flat_bars(99, 99, 99, 99, 101, 101, 101)
    result = run_mandate(RISES, list(zip(named("AAA", "BBB"), (ends, goes_on), strict=True)), CASH, record_equity=True)
    assert entered(result) == ["AAA", "BBB"]
    assert result.equity is not None
    assert len(result.equity) == 7
    assert result.final_equity > Decimal(1_150)


def test_a_strategy_may_read_the_markets_it_trades() -> None:
    """Each market enters when the leader has risen; the leader is traded, too."""
    leader = on_market("AAA/USDT", close)
    strategy = Strategy("led", 1, leader > constant(100.0), leader < constant(100.0), Exits())
    one, two = flat_bars(99, 101, 101, 101), flat_bars(50, 50, 50, 50)
    traded = list(zip(named("AAA", "BBB"), (one, two), strict=True))
    result = run_mandate(strategy, traded, CASH, others={"AAA/USDT": one})
    assert entered(result) == ["AAA", "BBB"]


def test_a_short_is_turned_by_the_words_of_one_market() -> None:
    """A mandate that shorts trades perpetuals; every market turns by itself, from one cash."""
    strategy = Strategy("turns", 1, UP, DOWN, stop_percent(2.0), enter_short=DOWN, exit_short=UP)
    traded = [(market, wild_bars(at, 300, "0.01", 0.01)) for at, market in enumerate(named("AAA", "BBB"))]
    result = run_mandate(strategy, traded, CASH)
    assert {of.market.kind for of in result.markets} == {"perpetual"}
    assert {trade.side.value for trade in result.trades} == {"buy", "sell"}


@pytest.mark.parametrize(
    ("traded", "why"),
    [
        ([], "there is none"),
        ([(PLAIN, flat_bars(1)), (PLAIN, flat_bars(1))], "twice"),
        ([(PLAIN, flat_bars(1)), (replace(PLAIN, base="BTC", quote="EUR"), flat_bars(1))], "one asset"),
        ([(PLAIN, flat_bars())], "no candles"),
        ([(PLAIN, replace(flat_bars(1), open_time=np.array([7])))], "whole timeframes"),
        (
            [(PLAIN, flat_bars(1)), (replace(PLAIN, base="BTC"), replace(flat_bars(1), timeframe_ms=60_000))],
            "different",
        ),
    ],
)
def test_what_is_not_one_mandate_is_refused_by_name(traded: list[tuple[Market, Bars]], why: str) -> None:
    with pytest.raises(NotOneMandate, match=why):
        run_mandate(RISES, traded, CASH)
